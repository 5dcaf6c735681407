public import OctavoCore

/// How requests come together.
public enum BatchingMode: String, Sendable, CaseIterable {
    /// A request joins as soon as another has ended and it fits.
    case refill
    /// Requests are packed into batches, each of which begins when all of the one before have ended.
    case `static`
}

/// Puts generation requests in the order in which to run them, and packs them into static batches. A pure function: same
/// requests, same plan.
public struct BatchPlanner: Sendable {
    /// What the engine can hold.
    public var capacity: EngineCapacity

    /// A planner for an engine of that capacity.
    public init(capacity: EngineCapacity) { self.capacity = capacity }

    /// Sorts requests by the positions they may come to need, longest first, and fills batches in that order; requests
    /// that begin alike for a block of the cache or more stay together, at the place of the longest of them.
    ///
    /// Rows of one batch are thus near in length and end near each other, which keeps the batch full for longest; what
    /// they share is computed while it is wanted; and the longest work begins first, so that the end is short. A batch
    /// is full when it has `maximumBatch` rows or its rows' reservations reach `maximumPositions`.
    public func plan(_ requests: [GenerationRequest]) -> BatchPlan {
        var plan = BatchPlan()
        var batch: [GenerationRequest] = []
        var positions = 0
        for request in sorted(requests) {
            let reservation = reservation(of: request)
            guard request.maximumLength <= capacity.contextLength, reservation <= capacity.maximumPositions else {
                plan.tooLong.append(request)
                continue
            }
            let shared = batch.last.map { sharedPositions(request, $0) } ?? 0
            if batch.count == capacity.maximumBatch || positions + reservation - shared > capacity.maximumPositions {
                plan.batches.append(batch)
                batch = []
                positions = 0
            }
            positions += batch.isEmpty ? reservation : reservation - shared
            batch.append(request)
        }
        if !batch.isEmpty { plan.batches.append(batch) }
        return plan
    }

    /// The positions of whole cache blocks that a request reserves.
    private func reservation(of request: GenerationRequest) -> Int {
        (request.maximumLength + capacity.blockLength - 1) / capacity.blockLength * capacity.blockLength
    }

    /// The positions of whole cache blocks with which two prompts begin alike; a prompt's last token is never shared.
    private func sharedPositions(_ left: GenerationRequest, _ right: GenerationRequest) -> Int {
        let pairs = zip(left.promptTokens.dropLast(), right.promptTokens.dropLast())
        let alike = pairs.prefix { $0 == $1 }.count
        return alike / capacity.blockLength * capacity.blockLength
    }
}

// MARK: - Order

extension BatchPlanner {
    /// Where a request stands: its group by the group's longest request, and its place within.
    private struct Rank: Comparable {
        var groupLength: Int
        var group: Int
        var length: Int
        var id: Int

        static func < (left: Rank, right: Rank) -> Bool {
            (right.groupLength, left.group, right.length, left.id)
                < (left.groupLength, right.group, left.length, right.id)
        }
    }

    private func sorted(_ requests: [GenerationRequest]) -> [GenerationRequest] {
        var groups: [ArraySlice<TokenID>: (length: Int, id: Int)] = [:]
        for request in requests {
            guard let beginning = beginning(of: request) else { continue }
            let group = groups[beginning] ?? (0, .max)
            groups[beginning] = (max(group.length, request.maximumLength), min(group.id, request.id))
        }
        let ranked = requests.map { request in
            let group = beginning(of: request).flatMap { groups[$0] } ?? (request.maximumLength, request.id)
            return (
                rank: Rank(
                    groupLength: group.length, group: group.id, length: request.maximumLength, id: request.id),
                request: request
            )
        }
        return ranked.sorted { $0.rank < $1.rank }.map(\.request)
    }

    /// The first block of a prompt, if all of it can be shared.
    private func beginning(of request: GenerationRequest) -> ArraySlice<TokenID>? {
        request.promptTokens.count > capacity.blockLength ? request.promptTokens.prefix(capacity.blockLength) : nil
    }
}

/// Requests in the order in which to run them.
public struct BatchPlan: Sendable, Hashable {
    /// Static batches; none is empty.
    public var batches: [[GenerationRequest]] = []
    /// Requests that the engine cannot hold even alone.
    public var tooLong: [GenerationRequest] = []

    /// An empty plan.
    public init() {}
}
