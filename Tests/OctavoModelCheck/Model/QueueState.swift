/// What the tables of the queue hold, without what cannot matter: times are "past" or "to come", and names are left out.
struct QueueState: Hashable, Sendable {
    /// A row of `batches`; its id is its index plus one.
    struct Batch: Hashable, Sendable {
        var state: Int
        var done: Int
        var failed: Int
        var promptTokens: Int
        var completionTokens: Int
    }

    /// Whether a segment may be claimed.
    enum Availability: Int, Sendable {
        case now = 0
        /// It had to wait, and no longer does.
        case due = 1
        case waiting = 2
    }

    /// A row of `segments`.
    struct Segment: Hashable, Sendable {
        var range: RequestRange
        var availability: Availability
        var losses: Int
        var previous: [Int]?
    }

    /// A row of `leases`.
    struct Lease: Hashable, Sendable {
        var token: Int
        var isExpired: Bool
        var requests: Int
        var remaining: Int
    }

    /// A row of `lease_ranges`.
    struct LeaseRange: Hashable, Sendable {
        var range: RequestRange
        var token: Int
        var losses: Int
        var previous: [Int]?
    }

    /// A row of `results`.
    struct Result: Hashable, Sendable {
        var request: Request
        var token: Int
    }

    /// A row of `failures`.
    struct Failure: Hashable, Sendable {
        var request: Request
        var token: Int
        var attempts: Int
        var isFinal: Bool
    }

    /// A row of `checkpoints`.
    struct Checkpoint: Hashable, Sendable {
        var token: Int
        var sequence: Int
    }

    var batches: [Batch] = []
    /// In the order of their ids, which is the order in which they are claimed.
    var segments: [Segment] = []
    var leases: [Lease] = []
    var ranges: [LeaseRange] = []
    var results: [Result] = []
    var failures: [Failure] = []
    var checkpoints: [Checkpoint] = []
}

/// A request of a batch.
struct Request: Hashable, Sendable, Comparable, CustomStringConvertible {
    var batch: Int
    var position: Int

    static func < (left: Request, right: Request) -> Bool {
        (left.batch, left.position) < (right.batch, right.position)
    }

    var description: String { "\(batch)/\(position)" }
}

/// Consecutive requests of a batch.
struct RequestRange: Hashable, Sendable, CustomStringConvertible {
    var batch: Int
    var positions: Range<Int>

    var requests: [Request] { positions.map { Request(batch: batch, position: $0) } }

    func contains(_ request: Request) -> Bool {
        request.batch == batch && positions.contains(request.position)
    }

    var description: String { requests.map(\.description).joined(separator: " ") }
}

extension QueueState {
    /// The lease of a token, if it stands.
    func lease(_ token: Int) -> Lease? { leases.first { $0.token == token } }

    /// The requests that a lease's ranges cover, finished or not.
    func requests(heldBy token: Int) -> [Request] {
        ranges.filter { $0.token == token }.flatMap(\.range.requests).sorted()
    }

    /// The token under which a request was finished.
    func finisher(of request: Request) -> Int? { results.first { $0.request == request }?.token }

    /// Whether nothing is left to do, and nothing left over.
    var isAtItsEnd: Bool {
        batches.allSatisfy { $0.state == 3 || $0.state == 4 } && segments.isEmpty && leases.isEmpty && ranges.isEmpty
            && checkpoints.isEmpty
    }
}
