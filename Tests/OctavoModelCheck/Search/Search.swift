import Dispatch
import OctavoPostgres
import Synchronization

/// The breadth-first search of all worlds of a scope. Every call is made of every world, by the real functions in a
/// transaction that is rolled back; the first violation is thus one that takes the fewest steps.
struct Search {
    let scope: Scope
    /// Databases with the scope's requests, each of which gets a thread.
    let lanes: [ModelDatabase]
    /// The number of worlds after which the search ends, if it is not to find all.
    let limit: Int?
    /// Whether it ended so.
    private(set) var isCutOff = false
    /// What was found.
    private(set) var graph: StateGraph
    /// What was wrong.
    private(set) var violation: Violation?

    /// Makes a search.
    init(_ scope: Scope, lanes: [ModelDatabase], limit: Int? = nil) {
        self.scope = scope
        self.lanes = lanes
        self.limit = limit
        graph = StateGraph(ModelDatabase.initialWorld(scope))
    }

    /// Searches until there is nothing new or something is wrong.
    mutating func run() throws {
        var frontier = 0..<1
        while !frontier.isEmpty, violation == nil {
            if let limit, graph.worlds.count >= limit {
                isCutOff = true
                return
            }
            for (index, expansion) in zip(frontier, try expand(Array(graph.worlds[frontier]))) where violation == nil {
                violation = add(expansion, from: index)
            }
            graph.depth += 1
            frontier = frontier.upperBound..<graph.worlds.count
        }
        guard violation == nil, let dead = graph.deadEnd else { return }
        violation = Violation(
            trace: graph.trace(to: dead), problems: ["from here the work never ends, whatever is done"])
    }

    /// Adds what follows from a world; returns what is wrong with it.
    private mutating func add(_ expansion: Expansion, from index: Int) -> Violation? {
        guard expansion.problems.isEmpty else {
            return Violation(trace: graph.trace(to: index), problems: expansion.problems)
        }
        for outcome in expansion.outcomes {
            guard outcome.problems.isEmpty else {
                return Violation(trace: graph.trace(to: index) + [outcome.step], problems: outcome.problems)
            }
            graph.add(outcome.world, from: index, by: outcome.step)
        }
        return nil
    }

    /// Expands worlds on all lanes.
    private func expand(_ worlds: [World]) throws -> [Expansion] {
        let (lanes, scope) = (lanes, scope)
        let results = Mutex<[Int: Result<Expansion, any Error>]>([:])
        let next = Atomic(0)
        DispatchQueue.concurrentPerform(iterations: lanes.count) { lane in
            while true {
                let index = next.add(1, ordering: .relaxed).oldValue
                guard index < worlds.count else { return }
                let result = Result { try Expansion(of: worlds[index], scope, on: lanes[lane]) }
                results.withLock { $0[index] = result }
            }
        }
        let expansions = results.withLock { $0 }
        return try worlds.indices.map { try expansions[$0]!.get() }
    }
}

/// All that can follow from one world.
private struct Expansion: Sendable {
    struct Outcome: Sendable {
        var step: TraceStep
        var problems: [String]
        /// Where it leads to.
        var world: World
    }

    /// What the oracle says of the world itself.
    var problems: [String]
    var outcomes: [Outcome] = []

    init(of world: World, _ scope: Scope, on database: ModelDatabase) throws {
        (problems, outcomes) = try database.provisionally {
            try database.restore(world.queue)
            let problems = try database.problems()
            guard problems.isEmpty else { return (problems, []) }
            try database.session.execute("SAVEPOINT world")
            return ([], try world.calls(scope).flatMap { try Self.outcomes(of: $0, in: world, scope, on: database) })
        }
    }

    private static func outcomes(
        of call: Call, in world: World, _ scope: Scope, on database: ModelDatabase
    ) throws -> [Outcome] {
        let reply: Reply
        let after: QueueState
        do {
            reply = try database.perform(call, in: world, scope)
            after = try database.snapshot()
        } catch let error as PostgresError where error.kind == .server {
            try database.session.execute("ROLLBACK TO world")
            let step = TraceStep(world: world, step: Step(call: call), reply: .nothing, order: [])
            return [Outcome(step: step, problems: ["\(error)"], world: world)]
        }
        if after != world.queue { try database.session.execute("ROLLBACK TO world") }
        let problems = Transition(before: world, call: call, reply: reply, after: after).problems
        return (call.hasReplyToLose ? [false, true] : [false]).map { isReplyLost in
            let step = Step(call: call, isReplyLost: isReplyLost)
            let next = world.after(step, reply, queue: after, scope)
            let trace = TraceStep(world: world, step: step, reply: reply, order: next.order)
            return Outcome(step: trace, problems: problems, world: next.world)
        }
    }
}
