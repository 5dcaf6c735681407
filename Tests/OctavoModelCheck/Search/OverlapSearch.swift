import Dispatch
import OctavoPostgres
import OctavoTestSupport
import Synchronization

/// Lets every two calls overlap at every gate, in one world of each shape that a search has found; and three calls in
/// some.
final class OverlapSearch: Sendable {
    /// What was done.
    struct Report: Sendable {
        var worlds = 0
        var pairs = 0
        var overlaps = 0
        var triples = 0
        /// Overlaps in which a call waited for another.
        var waits = 0
        /// Outcomes that no order of the calls gives, by the calls.
        var unordered: [String: Int] = [:]
        var violation: Violation?
    }

    private let scope: Scope
    private let graph: StateGraph
    private let lanes: [OverlapRunner]
    private let report = Mutex(Report())

    /// Makes a search.
    ///
    /// - Parameter search: has found the worlds; each of its databases gets a thread, and sessions beside its own.
    init(_ search: Search) throws {
        scope = search.scope
        graph = search.graph
        lanes = try search.lanes.map { try OverlapRunner(search.scope, $0) }
    }

    /// Runs at most `worldLimit` worlds' overlaps, and `triples` of three calls in each; stops at the first violation.
    func run(worldLimit: Int, triples: Int, seed: UInt64) throws -> Report {
        let chosen = Array(graph.worlds.indices.uniqued(by: { Shape(graph.worlds[$0]) }).prefix(worldLimit))
        let next = Atomic(0)
        let failure = Mutex<(any Error)?>(nil)
        report.withLock { $0.worlds = chosen.count }
        DispatchQueue.concurrentPerform(iterations: lanes.count) { lane in
            do {
                while report.withLock({ $0.violation == nil }) {
                    let turn = next.add(1, ordering: .relaxed).oldValue
                    guard turn < chosen.count else { return }
                    var generator = SeededGenerator(seed: seed &+ UInt64(turn))
                    try visit(chosen[turn], lanes[lane], triples, &generator)
                }
            } catch {
                failure.withLock { $0 = error }
            }
        }
        if let error = failure.withLock({ $0 }) { throw error }
        return report.withLock { $0 }
    }

    private func visit(
        _ index: Int, _ runner: OverlapRunner, _ triples: Int, _ generator: inout SeededGenerator
    ) throws {
        let world = graph.worlds[index]
        let calls = world.calls(scope, isForAll: true).filter(\.canOverlap)
        for first in calls {
            for second in calls where first.canOverlap(second) {
                let ordered = try orders(of: [first, second], in: world, runner.database)
                report.withLock { $0.pairs += 1 }
                var gate = 1
                while true {
                    let overlap = Overlap(world: world, first: first, others: [second], gate: gate)
                    guard try isFine(overlap, at: index, ordered, runner) else { break }
                    gate += 1
                }
                guard report.withLock({ $0.violation == nil }) else { return }
            }
        }
        for _ in 0..<triples {
            let three = (0..<3).compactMap { _ in calls.randomElement(using: &generator) }
            guard three.count == 3, three[0].canOverlap(three[1]), three[0].canOverlap(three[2]),
                three[1].canOverlap(three[2])
            else { continue }
            report.withLock { $0.triples += 1 }
            let gate = Int.random(in: 1...16, using: &generator)
            let overlap = Overlap(world: world, first: three[0], others: Array(three[1...]), gate: gate)
            _ = try isFine(overlap, at: index, nil, runner)
        }
    }

    /// Runs an overlap; false if there is no need to try the next gate, as the call has no more, or something is wrong.
    ///
    /// - Parameter ordered: the worlds that the calls lead to one after the other, to compare with.
    private func isFine(
        _ overlap: Overlap, at index: Int, _ ordered: Set<World>?, _ runner: OverlapRunner
    ) throws -> Bool {
        let outcome = try runner.run(overlap)
        let problems = overlap.problems(outcome)
        let isUnordered = ordered.map { !$0.contains(overlap.result(outcome, scope)) } ?? false
        report.withLock { report in
            report.overlaps += 1
            report.waits += outcome.waits > 0 ? 1 : 0
            if isUnordered, problems.isEmpty { report.unordered[overlap.verbs, default: 0] += 1 }
        }
        guard !problems.isEmpty else {
            if outcome.heldAt == nil, !overlap.isRolledBack {
                var rolledBack = overlap
                rolledBack.isRolledBack = true
                _ = try isFine(rolledBack, at: index, nil, runner)
            }
            return outcome.heldAt != nil
        }
        let (_, names) = Violation.lines(graph.trace(to: index))
        let violation = Violation(
            trace: graph.trace(to: index), overlap: overlap.description(names, outcome), problems: problems)
        report.withLock { $0.violation = $0.violation ?? violation }
        return false
    }

    /// The worlds that calls lead to when they come one after the other, in either order.
    private func orders(of calls: [Call], in world: World, _ database: ModelDatabase) throws -> Set<World> {
        var worlds: Set<World> = []
        for calls in [calls, calls.reversed()] {
            let result = try database.provisionally {
                try database.session.execute(SnapshotSQL.clear)
                try database.restore(world.queue)
                let replies = try calls.map { try database.perform($0, in: world, scope) }
                return world.after(Array(zip(calls, replies)), queue: try database.snapshot(), scope)
            }
            worlds.insert(result)
        }
        return worlds
    }
}

/// What worlds have in common in which overlaps are alike.
private struct Shape: Hashable {
    private struct Hold: Hashable {
        var isLeased: Bool
        var isExpired: Bool
        var isSuspect: Bool
        var held: Int
        var finished: Int
    }

    private var holds: [Hold: Int] = [:]
    private var orphans: Int
    private var openSegments: Int
    private var waitingSegments: Int
    private var batches: [Int]
    private var hasCheckpoints: Bool

    init(_ world: World) {
        let queue = world.queue
        for writer in world.writers {
            let lease = writer.token.flatMap(queue.lease)
            let ranges = queue.ranges.filter { $0.token == writer.token }
            let hold = Hold(
                isLeased: lease != nil, isExpired: lease?.isExpired ?? false,
                isSuspect: ranges.contains { $0.losses > 0 }, held: writer.held.count,
                finished: queue.results.count { result in ranges.contains { $0.range.contains(result.request) } })
            holds[hold, default: 0] += 1
        }
        orphans = queue.leases.count { lease in !world.writers.contains { $0.token == lease.token } }
        openSegments = min(2, queue.segments.count { $0.availability != .waiting })
        waitingSegments = min(1, queue.segments.count { $0.availability == .waiting })
        batches = queue.batches.map(\.state)
        hasCheckpoints = !queue.checkpoints.isEmpty
    }
}

extension Call {
    /// Whether it is a call of the queue; the others are time and death.
    fileprivate var canOverlap: Bool { ![.die, .expire, .wait].contains(verb) }

    /// Whether two calls can be under way at once. Even two of one worker can: it repeats a call when the connection is lost
    /// on which the server still works on the first. But a worker with a claim under way has no lease.
    fileprivate func canOverlap(_ other: Call) -> Bool {
        writer == nil || writer != other.writer || verb != .claim
    }
}

extension Overlap {
    /// The kinds of calls.
    fileprivate var verbs: String { ([first] + others).map(\.verb.rawValue).joined(separator: " with ") }

    /// Where an outcome leads to; a call that the server refused has done nothing.
    fileprivate func result(_ outcome: Outcome, _ scope: Scope) -> World {
        let made = zip([first] + others, outcome.replies).compactMap { call, reply in reply.map { (call, $0) } }
        return world.after(made, queue: outcome.after, scope)
    }
}

extension World {
    /// The world after several calls, in canonical form.
    fileprivate func after(_ calls: [(Call, Reply)], queue: QueueState, _ scope: Scope) -> World {
        var world = self
        world.queue = queue
        for (call, reply) in calls {
            if let writer = call.writer { world.writers[writer] = world.writers[writer].after(call, reply) }
        }
        return world.canonical(lossesCap: scope.lossesCap).world
    }
}

extension Sequence {
    /// The first element of each kind, in order.
    fileprivate func uniqued<Kind: Hashable>(by kind: (Element) -> Kind) -> [Element] {
        var seen: Set<Kind> = []
        return filter { seen.insert(kind($0)).inserted }
    }
}
