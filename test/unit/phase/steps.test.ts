import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { loadPhase, type LoadedPhase } from '../../../src/phase/index.ts'
import { projectOf } from './files.ts'

const never = (): Promise<never> => Promise.reject(new Error('no module is imported'))

/** Loads main.yaml of a project of these files. */
async function load(files: Readonly<Record<string, string>> | string): Promise<LoadedPhase> {
  const { dir } = projectOf(typeof files === 'string' ? { 'main.yaml': files } : files)
  return loadPhase('main', `${dir}/main.yaml`, never)
}

const titles = ({ parts }: LoadedPhase): string[] => parts.map(({ title }) => title)

test('a phase is a list of steps, called by their names or by what they do', async () => {
  const loaded = await load('- name: Build it\n  command: { cmd: make, chdir: /srv }\n- package: [git, make]\n- command: make install\n  become: true\n  ignore_errors: true\n  timeout: 60\n- file: { path: /etc/motd, content: hello }\n')
  assert.deepEqual(titles(loaded), ['Build it', 'package git make', 'command make install', 'file /etc/motd'])
  const { become, ignoreErrors, timeout } = loaded.parts[2] ?? {}
  assert.deepEqual([become, ignoreErrors, timeout], [true, true, 60])
})

test('an empty phase has nothing to do', async () => {
  assert.deepEqual(titles(await load('')), [])
  assert.deepEqual(titles(await load('[]\n')), [])
})

test('steps of other files are included, relative to the file that includes them, under the conditions of the include', async () => {
  const loaded = await load({
    'main.yaml': '- include: parts/a.yaml\n  become: { user: builder }\n- command: three\n',
    'parts/a.yaml': '- command: one\n- include: ../common/b.yml\n',
    'common/b.yml': '- command: two\n  become: false\n',
  })
  assert.deepEqual(titles(loaded), ['command one', 'command two', 'command three'])
  assert.deepEqual(loaded.parts.map(({ become }) => become), [{ user: 'builder' }, false, undefined])
  assert.deepEqual(loaded.files.map((file) => file.split('/').slice(-2).join('/')), ['demo/main.yaml', 'parts/a.yaml', 'common/b.yml'])
})

test('what depends on the value of a template is judged when it is known', async () => {
  await load('- firewall: { rules: "{{ rules }}" }\n- file: { path: "{{ dir }}/x", mode: "{{ mode }}" }\n- package: { name: ["{{ a }}", git], state: "{{ s }}", purge: true }\n')
})

describe('mistakes show when the file is read, with their line', () => {
  const cases: readonly { readonly title: string; readonly text: string; readonly line: number; readonly message: RegExp; readonly hint?: RegExp }[] = [
    { title: 'an unknown primitive', text: '- command: make\n- name: x\n  comand: make\n', line: 3, message: /no primitive called comand/, hint: /did you mean command\?/ },
    { title: "Ansible's modules", text: '- shell: make\n', line: 1, message: /no primitive called shell/, hint: /in farm: command/ },
    { title: "Ansible's full names", text: '- ansible.builtin.git:\n    repo: x\n', line: 1, message: /no primitive called ansible\.builtin\.git/, hint: /in farm: git/ },
    { title: 'an unknown argument', text: '- command:\n    cmd: make\n    chdri: /srv\n', line: 3, message: /command has no argument chdri/, hint: /did you mean chdir\?/ },
    { title: 'an argument of the wrong kind', text: '- file:\n    path: etc/motd\n', line: 2, message: /file: path: a path on the host must be absolute/ },
    { title: 'a missing argument', text: '- copy:\n    dest: /srv\n', line: 1, message: /copy: src/ },
    { title: 'a missing argument beside a template', text: '- copy:\n    dest: "{{ place }}"\n', line: 1, message: /copy: src/ },
    { title: 'an unknown argument beside a template', text: '- copy:\n    src: "{{ x }}"\n    dest: "{{ place }}"\n    modus: 1\n', line: 4, message: /copy has no argument modus/ },
    { title: 'arguments that do not go together', text: '- block: { path: /etc/motd }\n', line: 1, message: /block: is needed|block: block/ },
    { title: 'a wrong argument beside a template', text: '- file:\n    content: "{{ x }}"\n    path: etc/motd\n', line: 3, message: /must be absolute/ },
    { title: 'a template that is no template', text: '- command: make\n- command:\n    cmd: "make {{ x | upper }}"\n', line: 3, message: /./ },
    { title: "Jinja's statements", text: '- command: "{% if x %}make{% endif %}"\n', line: 1, message: /Jinja/ },
    { title: 'a condition that is no template', text: '- command: make\n  when: platform == "debian_12"\n', line: 2, message: /when is true, false or a template/, hint: /eq platform/ },
    { title: 'an unknown helper in a condition', text: '- command: make\n  when: "{{equals platform target}}"\n', line: 2, message: /no helper equals/ },
    { title: 'two primitives in one step', text: '- command: make\n  package: git\n', line: 2, message: /names command and package/ },
    { title: 'no primitive at all', text: '- name: x\n', line: 1, message: /names none/ },
    { title: 'a step that is no map', text: '- command: make\n- make\n', line: 2, message: /a step is a map/ },
    { title: 'a map in place of the list', text: 'command: make\n', line: 1, message: /a phase is a list of steps/ },
    { title: 'no arguments', text: '- file:\n', line: 1, message: /file needs arguments, got null/ },
    { title: 'a text for a boolean', text: '- command: make\n  ignore_errors: "no"\n', line: 2, message: /ignore_errors is true or false, got text "no"/ },
    { title: 'a wrong become', text: '- command: make\n  become: { usr: x }\n', line: 2, message: /become is true, false/ },
    { title: 'an include that is not there', text: '- include: ../nowhere.yaml\n', line: 1, message: /nowhere\.yaml cannot be included/ },
    { title: 'an include that a template chooses', text: '- include: "{{ platform }}.yaml"\n', line: 1, message: /include needs the path of a file/ },
    { title: 'an include of itself', text: '- include: main.yaml\n', line: 1, message: /in a circle: .*main\.yaml → .*main\.yaml/ },
    { title: 'broken YAML', text: '- command: make\n  - x\n', line: 2, message: /./ },
  ]
  for (const { title, text, line, message, hint } of cases) {
    test(title, async () => {
      await assert.rejects(load(text), (error: { exitCode?: number; message: string; hint?: string; location?: { line?: number; file: string } }) => {
        assert.equal(error.exitCode, 65)
        assert.match(error.message, message)
        if (hint !== undefined) assert.match(error.hint ?? '', hint)
        assert.ok(error.location?.file.endsWith('/main.yaml'))
        assert.equal(error.location?.line, line)
        return true
      })
    })
  }

  test('a mistake in an included file shows the line there', async () => {
    await assert.rejects(load({ 'main.yaml': '- include: x.yaml\n', 'x.yaml': '- command: a\n- comand: b\n' }), (error: { location?: { file: string; line?: number } }) => {
      assert.ok(error.location?.file.endsWith('/x.yaml'))
      assert.equal(error.location?.line, 2)
      return true
    })
  })
})
