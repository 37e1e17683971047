/**
 * A guest's life: which steps there are and which of them run (tokens.ts, order.ts), which files they are (lookup.ts), what snapshots
 * were made from (hash.ts), and the reading of phase files (load.ts). Start with types.ts.
 */
export { cleanInputs, initInputs, inputChanges, parseInputs, sharedFiles, type InputChange, type PhaseInputs } from './hash.ts'
export { loadPhase, loadPhases } from './load.ts'
export { choosePhases, describeProject, findProject, shownPath, type ChosenPhases, type Project } from './lookup.ts'
export { describeLife, planLife, reconsider, STALE_POLICIES, type LifeInput, type LifePlan, type LifeStep, type SnapshotState, type StalePolicy } from './order.ts'
export { phaseEnvironment } from './script.ts'
export { allowedPhases, LIFE_STEPS, parsePhases, snapshotNames, type LifeToken } from './tokens.ts'
export {
  PHASES,
  type ImportModule,
  type LifeStatus,
  type LoadedPhase,
  type PhaseBecome,
  type PhaseDefinition,
  type PhaseFacts,
  type PhaseHands,
  type PhaseName,
  type PhaseOptions,
  type PhasePart,
  type ProjectFacts,
} from './types.ts'
