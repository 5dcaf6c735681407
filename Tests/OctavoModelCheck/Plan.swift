import Foundation
import OctavoTestSupport

/// A scope, and whether calls overlap in it.
struct Plan: Sendable {
    var scope: Scope
    /// The number of states after which the search ends, at the next step; nil: it finds all.
    var limit: Int?
    /// How calls overlap; nil: they come one after the other only.
    var overlaps: Overlaps?

    /// In how many worlds calls overlap, those with the fewest steps first.
    struct Overlaps: Sendable {
        /// How many worlds are searched for them.
        var searched: Int
        /// How many, each of another shape, are taken.
        var worlds: Int
        /// How many overlaps of three calls are drawn in each.
        var triples: Int
    }
}

extension Plan {
    private static let everything = Set(Verb.allCases)
    /// What takes a batch from its first claim to its end, when workers die on the way.
    private static let work: Set<Verb> = [.claim, .finish, .die, .expire, .wait, .reap]
    /// Work, and all else that workers do.
    private static let workers: Set<Verb> = work.union([.heartbeat, .checkpoint, .fail, .release])

    /// Every scope.
    static let whole =
        fast + [
            Plan(
                scope: Scope(
                    name: "1 request, 2 workers, everything", writers: 2, batches: [1], leaseSize: 1, checkpoints: 1,
                    verbs: everything)),
            Plan(
                scope: Scope(
                    name: "2 requests in one lease, 2 workers, all that workers do", writers: 2, batches: [2],
                    leaseSize: 2, verbs: workers), limit: 4000),
            Plan(
                scope: Scope(
                    name: "2 batches in one lease, 2 workers, cancel", writers: 2, batches: [1, 1], leaseSize: 2,
                    verbs: work.union([.cancel, .clear])), limit: 4000),
            Plan(
                scope: Scope(name: "2 requests, 3 workers, work", writers: 3, batches: [2], leaseSize: 1, verbs: work)),
            Plan(
                scope: Scope(name: "2 requests, 4 workers, work", writers: 4, batches: [2], leaseSize: 1, verbs: work),
                limit: 4000),
            Plan(
                scope: Scope(
                    name: "overlaps, 2 requests, 2 workers", writers: 2, batches: [2], leaseSize: 2, checkpoints: 1,
                    verbs: everything),
                overlaps: .init(searched: 300, worlds: 8, triples: 10)),
            Plan(
                scope: Scope(
                    name: "overlaps, 2 batches, 2 workers", writers: 2, batches: [1, 1], leaseSize: 2,
                    verbs: work.union([.fail, .release, .cancel, .retry])),
                overlaps: .init(searched: 200, worlds: 6, triples: 10)),
        ]

    /// What a test has time for.
    static let fast = [
        Plan(
            scope: Scope(
                name: "1 request, 4 workers, work", writers: 4, batches: [1], leaseSize: 1,
                verbs: work.union([.heartbeat]))),
        Plan(
            scope: Scope(
                name: "2 requests in one lease, 2 workers, work", writers: 2, batches: [2], leaseSize: 2, verbs: work)),
        Plan(
            scope: Scope(
                name: "overlaps, 1 request, 2 workers", writers: 2, batches: [1], leaseSize: 1,
                verbs: [.claim, .finish, .expire, .wait, .reap, .release]),
            overlaps: .init(searched: 40, worlds: 8, triples: 0)),
    ]
}

/// Carries plans out.
struct PlanRun: Sendable {
    var jobs: Int
    var seed: UInt64
    var bug: PlantedBug?

    /// Carries plans out, and prints a line or two for each; stops at the first violation, and returns it.
    func run(_ plans: [Plan], _ print: (String) -> Void) async throws -> Violation? {
        for plan in plans {
            let start = ContinuousClock.now
            let violation = try await Self.withDatabases(jobs) { urls in
                var databases: [ModelDatabase] = []
                for url in urls { databases.append(try await ModelDatabase.prepare(url, for: plan.scope, bug: bug)) }
                return try run(plan, on: databases, since: start, print)
            }
            if let violation { return violation }
        }
        return nil
    }

    private func run(
        _ plan: Plan, on databases: [ModelDatabase], since start: ContinuousClock.Instant, _ print: (String) -> Void
    ) throws -> Violation? {
        func seconds() -> String { String(format: "%.1f s", (ContinuousClock.now - start) / .seconds(1)) }
        var search = Search(plan.scope, lanes: databases, limit: plan.overlaps?.searched ?? plan.limit)
        try search.run()
        print(
            "\(plan.scope.name): \(search.graph.worlds.count) states, \(search.graph.transitions) transitions, "
                + "depth \(search.graph.depth)\(search.isCutOff ? ", cut off" : ""), \(seconds())")
        guard search.violation == nil, let overlaps = plan.overlaps else { return search.violation }
        let report = try OverlapSearch(search)
            .run(worldLimit: overlaps.worlds, triples: overlaps.triples, seed: seed)
        print(
            "\(plan.scope.name): \(report.pairs) pairs in \(report.worlds) states, \(report.overlaps) overlaps, "
                + "\(report.triples) of three (seed \(seed)); in \(report.waits) one waited; \(seconds())")
        for (calls, count) in report.unordered.sorted(by: { $0.key < $1.key }) {
            print("  an outcome that no order gives: \(calls), \(count) times")
        }
        return report.violation
    }

    /// Makes databases, and drops them after `body`.
    private static func withDatabases<T>(_ count: Int, _ body: ([String]) async throws -> T) async throws -> T {
        guard count > 0 else { return try await body([]) }
        return try await TestDatabase.withDatabase { url in
            try await withDatabases(count - 1) { try await body([url] + $0) }
        }
    }
}
