/// A worker as the queue sees it: what it believes to hold. It may be wrong, having been away for too long.
struct Writer: Hashable, Sendable, Comparable {
    /// Its lease; nil when it has none.
    var token: Int?
    /// Requests of which it knows no end yet.
    var held: [Request] = []
    /// Checkpoints it has written under this lease.
    var checkpoints = 0

    /// A worker that has just started.
    static let idle = Writer()

    static func < (left: Writer, right: Writer) -> Bool {
        guard left.token == right.token else { return (left.token ?? .max) < (right.token ?? .max) }
        return left.held.lexicographicallyPrecedes(right.held)
            || left.held == right.held && left.checkpoints < right.checkpoints
    }
}

/// One state of the search: tables and writers.
struct World: Hashable, Sendable {
    var queue: QueueState
    var writers: [Writer]
    /// How many more checkpoints may be written on this path; each makes room for longer chains of `previous`.
    var checkpointsLeft: Int
}

extension World {
    /// The same world as it would be after any other history: tokens are numbered from 1 in their order, those that
    /// nobody can name any more are 0, losses stop counting where they make no further difference, and the writers, who
    /// are all alike, are sorted.
    ///
    /// - Returns: the world, and for each writer its place before.
    func canonical(lossesCap: Int) -> (world: World, order: [Int]) {
        let number = Dictionary(uniqueKeysWithValues: tokensInUse.enumerated().map { ($1, $0 + 1) })
        func renamed(_ tokens: [Int]?) -> [Int]? { tokens?.map { number[$0] ?? 0 } }
        var world = self
        for index in world.queue.leases.indices {
            world.queue.leases[index].token = number[queue.leases[index].token] ?? 0
        }
        for index in world.queue.ranges.indices {
            let range = queue.ranges[index]
            world.queue.ranges[index].token = number[range.token] ?? 0
            world.queue.ranges[index].previous = renamed(range.previous)
            world.queue.ranges[index].losses = min(range.losses, lossesCap)
        }
        for index in world.queue.segments.indices {
            let segment = queue.segments[index]
            world.queue.segments[index].previous = renamed(segment.previous)
            world.queue.segments[index].losses = min(segment.losses, lossesCap)
        }
        for index in world.queue.results.indices {
            world.queue.results[index].token = number[queue.results[index].token] ?? 0
        }
        for index in world.queue.failures.indices {
            world.queue.failures[index].token = number[queue.failures[index].token] ?? 0
        }
        for index in world.queue.checkpoints.indices {
            world.queue.checkpoints[index].token = number[queue.checkpoints[index].token] ?? 0
        }
        for index in writers.indices { world.writers[index].token = writers[index].token.flatMap { number[$0] } }
        let order = world.writers.indices.sorted { world.writers[$0] < world.writers[$1] }
        world.writers = order.map { world.writers[$0] }
        return (world, order)
    }

    /// Every token that a later call can come to see, in order.
    private var tokensInUse: [Int] {
        var tokens = Set(writers.compactMap(\.token))
        tokens.formUnion(queue.leases.map(\.token))
        tokens.formUnion(queue.ranges.flatMap { [$0.token] + ($0.previous ?? []) })
        tokens.formUnion(queue.segments.flatMap { $0.previous ?? [] })
        tokens.formUnion(queue.checkpoints.map(\.token))
        return tokens.sorted()
    }
}

/// Which worlds are searched.
struct Scope: Sendable {
    var name: String
    var writers: Int
    /// The number of requests of each batch.
    var batches: [Int]
    /// The most requests that a claim takes.
    var leaseSize: Int
    /// Attempts after which a failure is final.
    var maximumAttempts = 2
    /// How many checkpoints may be written on one path.
    var checkpoints = 0
    /// What may happen.
    var verbs: Set<Verb>

    /// From the first loss at which a lease has one request on, a further one makes no difference but in pauses.
    var lossesCap: Int { (1...).first { leaseSize >> ($0 - 1) <= 1 } ?? 1 }
}
