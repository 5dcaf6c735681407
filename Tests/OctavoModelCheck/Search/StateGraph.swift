/// The worlds that a search has found, and the steps between them.
struct StateGraph: Sendable {
    /// In the order in which they were found, the one where all begins first.
    private(set) var worlds: [World]
    /// How many steps were made.
    private(set) var transitions = 0
    /// The number of steps to the farthest world.
    var depth = 0

    /// How each world was reached first.
    private var origins: [(parent: Int, step: TraceStep)?] = [nil]
    private var indices: [World: Int]
    /// Steps that bring a batch nearer to its end.
    private var progress: [(from: Int, to: Int)] = []

    /// A graph of one world.
    init(_ first: World) {
        worlds = [first]
        indices = [first: 0]
    }

    /// Adds a step, and the world that it leads to if that is new.
    mutating func add(_ world: World, from parent: Int, by step: TraceStep) {
        transitions += 1
        let index: Int
        if let known = indices[world] {
            index = known
        } else {
            index = worlds.count
            indices[world] = index
            worlds.append(world)
            origins.append((parent, step))
        }
        if step.step.call.isProgress { progress.append((parent, index)) }
    }

    /// The shortest way to a world.
    func trace(to index: Int) -> [TraceStep] {
        var steps: [TraceStep] = []
        var index = index
        while let origin = origins[index] {
            steps.append(origin.step)
            index = origin.parent
        }
        return steps.reversed()
    }

    /// The first world from which no sequence of steps leads to an end that leaves nothing over: one that is not met on
    /// the way back from the ends.
    var deadEnd: Int? {
        var predecessors = Array(repeating: [Int](), count: worlds.count)
        for step in progress { predecessors[step.to].append(step.from) }
        var isLive = worlds.map(\.queue.isAtItsEnd)
        var open = worlds.indices.filter { isLive[$0] }
        while let index = open.popLast() {
            for predecessor in predecessors[index] where !isLive[predecessor] {
                isLive[predecessor] = true
                open.append(predecessor)
            }
        }
        return isLive.firstIndex(of: false)
    }
}

extension Call {
    /// Whether it is what workers do that answer all requests. Giving up, starting again and pausing do not count, nor does
    /// failing.
    fileprivate var isProgress: Bool {
        switch verb {
        case .claim, .finish, .release, .die, .expire, .wait, .reap, .resume, .clear: true
        case .heartbeat, .checkpoint, .fail, .pause, .cancel, .retry: false
        }
    }
}
