/** A whole stage in one call: lab, image server, project and `farm`. */
import { join } from 'node:path'
import { HttpServer, Lab, type Footprint, type LabHost } from '../lab/index.ts'
import { blankImage, cloudImage, guestImage, publish } from '../lab/images.ts'
import { Farm } from './farm.ts'
import { Project, type Values } from './project.ts'

export interface StageOptions {
  /** `guest` boots; `cloud` does so too and reads its seed by cloud-init; `blank` is for what happens before a machine does. */
  readonly image: 'guest' | 'cloud' | 'blank'
  /** Machines of the cluster; all four winds unless told otherwise. */
  readonly machines?: readonly string[]
  readonly vars?: Values
}

export interface Stage extends AsyncDisposable {
  readonly lab: Lab
  /** The hypervisor, anemoi. */
  readonly host: LabHost
  /** What the hypervisor was like before anything happened on it. */
  readonly bare: Footprint
  readonly http: HttpServer
  readonly project: Project
  readonly farm: Farm
}

/** Builds the stage; disposing of it takes everything down. */
export async function setStage({ image, machines, vars }: StageOptions): Promise<Stage> {
  const files = image === 'guest' ? await guestImage() : image === 'cloud' ? await cloudImage() : undefined
  const lab = await Lab.create({ hosts: ['anemoi'] })
  try {
    const root = join(lab.dir, 'www')
    await publish(files ?? (await blankImage(join(lab.dir, 'blank'))), root)
    const http = await HttpServer.create({ root, lab })
    const project = await Project.create({ lab, url: http.url, machines, vars })
    const dispose = async (): Promise<void> => {
      await http[Symbol.asyncDispose]()
      await lab[Symbol.asyncDispose]()
    }
    const host = lab.host('anemoi')
    return { lab, host, bare: await host.footprint(), http, project, farm: new Farm(lab, project), [Symbol.asyncDispose]: dispose }
  } catch (error) {
    await lab[Symbol.asyncDispose]()
    throw error
  }
}
