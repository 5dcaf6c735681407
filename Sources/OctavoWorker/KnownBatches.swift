import OctavoQueue

/// The settings of the batches that leases came from, asked for once: nothing changes them.
struct KnownBatches {
    /// Beyond so many, all are forgotten, so that memory does not grow with the batches that a worker serves.
    private static let maximumCount = 4096

    private var settings: [Int64: BatchSettings] = [:]

    /// The settings of a lease's batches at least; one that was deleted may be missing.
    mutating func settings(for lease: Lease, from queue: Queue) async throws -> [Int64: BatchSettings] {
        let wanted = Set(lease.requests.map(\.key.batchID))
        if settings.count > Self.maximumCount { settings = [:] }
        let missing = wanted.filter { settings[$0] == nil }
        guard !missing.isEmpty else { return settings }
        for batch in try await queue.batchSettings(missing.sorted()) { settings[batch.id] = batch }
        return settings
    }
}
