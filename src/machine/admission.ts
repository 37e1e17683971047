/** Which machines of one hypervisor run at a time: as many as its memory and a limit allow, first come first served. */

/** What a hypervisor can take at once. */
export interface Room {
  /** MiB. */
  readonly memory: number
  readonly machines: number
}

interface Waiting {
  readonly memory: number
  readonly go: () => void
}

/** The door of one hypervisor. */
export class Admission {
  readonly #room: Room
  readonly #waiting: Waiting[] = []
  #memory = 0
  #machines = 0

  constructor(room: Room) {
    this.#room = room
  }

  /** Whether somebody would have to wait now. */
  busy(memory: number): boolean {
    return this.#waiting.length > 0 || !this.#fits(memory)
  }

  /**
   * Waits until there is room, then keeps it until what it resolves with is called (once or more). Nobody overtakes: a large
   * machine would never get in otherwise. One that is larger than the hypervisor gets in when it is alone.
   * @param memory MiB. @param signal ends the waiting, and rejects.
   */
  async enter(memory: number, signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted()
    if (this.busy(memory)) await this.#wait(memory, signal)
    else this.#take(memory)
    let inside = true
    return () => {
      if (!inside) return
      inside = false
      this.#memory -= memory
      this.#machines -= 1
      this.#admit()
    }
  }

  #wait(memory: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        memory,
        go: () => {
          signal.removeEventListener('abort', leave)
          resolve()
        },
      }
      const leave = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1)
        this.#admit()
        reject(signal.reason as Error)
      }
      signal.addEventListener('abort', leave, { once: true })
      this.#waiting.push(waiting)
    })
  }

  #admit(): void {
    for (let first = this.#waiting[0]; first !== undefined && this.#fits(first.memory); first = this.#waiting[0]) {
      this.#waiting.shift()
      this.#take(first.memory)
      first.go()
    }
  }

  #take(memory: number): void {
    this.#memory += memory
    this.#machines += 1
  }

  #fits(memory: number): boolean {
    return this.#machines === 0 || (this.#machines < this.#room.machines && this.#memory + memory <= this.#room.memory)
  }
}
