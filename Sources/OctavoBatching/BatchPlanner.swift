public import OctavoCore

/// Packs generation requests into static batches. A pure function: same requests, same plan.
public struct BatchPlanner: Sendable {
    /// What the engine can hold.
    public var capacity: EngineCapacity

    /// A planner for an engine of that capacity.
    public init(capacity: EngineCapacity) { self.capacity = capacity }

    /// Sorts requests by the positions they may come to need, longest first, and fills batches in that order.
    ///
    /// Rows of one batch are thus near in length and end near each other, which keeps the batch full for longest; and
    /// the longest work begins first, so that the last batch is a short one. A batch is full when it has
    /// `maximumBatch` rows or its rows' reservations reach `maximumPositions`.
    public func plan(_ requests: [GenerationRequest]) -> BatchPlan {
        let order = requests.sorted { left, right in
            (left.maximumLength, right.id) > (right.maximumLength, left.id)
        }
        var plan = BatchPlan()
        var batch: [GenerationRequest] = []
        var positions = 0
        for request in order {
            let reservation = reservation(of: request)
            guard request.maximumLength <= capacity.contextLength, reservation <= capacity.maximumPositions else {
                plan.tooLong.append(request)
                continue
            }
            if batch.count == capacity.maximumBatch || positions + reservation > capacity.maximumPositions {
                plan.batches.append(batch)
                batch = []
                positions = 0
            }
            batch.append(request)
            positions += reservation
        }
        if !batch.isEmpty { plan.batches.append(batch) }
        return plan
    }

    /// The positions of whole cache blocks that a request reserves.
    private func reservation(of request: GenerationRequest) -> Int {
        (request.maximumLength + capacity.blockLength - 1) / capacity.blockLength * capacity.blockLength
    }
}

/// Static batches, in the order in which to run them.
public struct BatchPlan: Sendable, Hashable {
    /// The batches; none is empty.
    public var batches: [[GenerationRequest]] = []
    /// Requests that the engine cannot hold even alone.
    public var tooLong: [GenerationRequest] = []

    /// An empty plan.
    public init() {}
}
