/**
 * A model of a load by SCAN, node by node, while the slot of a revocation moves from node to node and
 * perhaps back. A load that counts as complete has seen the key.
 */
import { edited, type Has, type Model, type Step } from "../search.ts";

/** The rules without which a load misses a key. */
export type SlotsRule =
  /** R11: each page of a SCAN comes, in one step, with what its node says of its slots. */
  | "the map comes with each page"
  /** R11: a page counts only if no slot is on its way from or to its node. */
  | "no slot is under way";

/** How often a slot may begin to move. */
export interface SlotsWorld {
  readonly moves: number;
}

type Node = 0 | 1;

interface State {
  owner: Node;
  /** Raised each time the slot changes hands. */
  configEpoch: number;
  isMoving: boolean;
  keyAt: Node;
  load: {
    phase: "none" | "scanning" | "void" | "complete";
    scanned: Node[];
    found: boolean;
    owner: Node;
    configEpoch: number;
  };
  moves: number;
}

/** Builds the model. */
export function slots({ moves }: SlotsWorld, has: Has<SlotsRule>): Model<State> {
  const first: State = {
    ...{ owner: 1, configEpoch: 1, isMoving: false, keyAt: 1, moves },
    load: { phase: "none", scanned: [], found: false, owner: 1, configEpoch: 1 },
  };
  return {
    first,
    isBroken: ({ load }) => load.phase === "complete" && !load.found,
    *steps(state) {
      yield* slotSteps(state);
      yield* loadSteps(state, has);
    },
  };
}

function* slotSteps(state: State): Generator<Step<State>> {
  const { isMoving, moves, keyAt, owner } = state;
  const other: Node = owner === 0 ? 1 : 0;
  const edit = (work: (next: State) => void) => edited(state, work);
  if (!isMoving && moves > 0) {
    yield [
      "the slot begins to move",
      edit((next) => {
        next.moves -= 1;
        next.isMoving = true;
      }),
    ];
  }
  if (!isMoving) return;
  yield [
    "the key moves",
    edit((next) => {
      next.keyAt = keyAt === 0 ? 1 : 0;
    }),
  ];
  if (keyAt === other) {
    yield [
      "the slot has moved",
      edit((next) => {
        next.isMoving = false;
        next.owner = other;
        next.configEpoch += 1;
      }),
    ];
  } else {
    yield [
      "the move is given up",
      edit((next) => {
        next.isMoving = false;
      }),
    ];
  }
}

function* loadSteps(state: State, has: Has<SlotsRule>): Generator<Step<State>> {
  const { load, owner, configEpoch, isMoving, keyAt } = state;
  const stands = !(has("no slot is under way") && isMoving);
  if (load.phase === "none" && stands) {
    yield [
      "a load begins",
      edited(state, (next) => {
        next.load = { phase: "scanning", scanned: [], found: false, owner, configEpoch };
      }),
    ];
  }
  if (load.phase !== "scanning") return;
  const isSame = load.owner === owner && load.configEpoch === configEpoch && stands;
  const nodes = ([0, 1] as const).filter((node) => !load.scanned.includes(node));
  for (const node of nodes) {
    yield [
      `node ${node} is scanned`,
      edited(state, (next) => {
        next.load.scanned.push(node);
        next.load.scanned.sort();
        next.load.found ||= keyAt === node;
        if (has("the map comes with each page") && !isSame) next.load.phase = "void";
      }),
    ];
  }
  if (nodes.length === 0) {
    yield [
      "the load ends",
      edited(state, (next) => {
        next.load.phase = isSame ? "complete" : "void";
      }),
    ];
  }
}
