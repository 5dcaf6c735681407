import Logging
import OctavoBatching
import OctavoCore
import OctavoEngine
import OctavoQueue

// Leases are claimed and tokenized while others are computed, so that the engine always has requests in line.

extension Worker {
    /// A lease in hand, with the watch that heartbeats keep on it.
    struct HeldLease: Sendable {
        let prepared: PreparedLease
        let watch: LeaseWatch
        /// Whether a worker was lost with one of its requests.
        let isSuspect: Bool
    }

    /// Processes leases until shutdown, or until drained.
    func processLeases() async throws {
        let control = GenerationControl()
        let writer = ResultWriter(
            queue: results, timeToLive: configuration.leaseDuration, statistics: statistics, logger: logger)
        let leases = LeasesInHand(
            engine: engine, batching: configuration.batching, responses: responses,
            threads: configuration.threads, writer: writer, control: control
        ) { [statistics, configuration] step in
            statistics.record(step)
            configuration.onStep?(step)
        }
        try await shutdown.whileAttached(control) {
            // A failed write ends the claims, too, even one that waits for the server.
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    defer { control.finishAdding() }
                    try await claim(for: leases, control)
                }
                group.addTask { await leases.answer() }
                group.addTask {
                    try await writer.run(settled: leases.didSettle) { watch in
                        try await close(watch)
                        leases.didClose()
                    }
                }
                do {
                    for try await _ in group {}
                } catch {
                    control.stop()
                    throw error
                }
            }
        }
    }

    /// Keeps requests in line for the engine.
    private func claim(for leases: LeasesInHand, _ control: GenerationControl) async throws {
        var nextID = 0
        var batches = KnownBatches()
        while !shutdown.isOn, !control.isStopped {
            guard let held = try await claim(firstID: nextID, batches: &batches) else {
                guard leases.isEmpty else {
                    await leases.untilEmpty(atMost: configuration.pollInterval)
                    continue
                }
                if configuration.drains, try await isDrained() { return }
                await shutdown.nap(configuration.pollInterval * Double.random(in: 0.8...1.2))
                continue
            }
            nextID += held.prepared.generations.count
            // What was lost with its worker may have crashed it: nothing else is put at risk.
            if held.isSuspect { await leases.untilEmpty() }
            // Claimed, but not begun: given back at once.
            guard !shutdown.isOn, !control.isStopped,
                try await leases.begin(held, findAnswers: queue.findAnswers)
            else { return try await close(held.watch) }
            held.isSuspect ? await leases.untilEmpty() : await control.untilWaiting(atMost: fewRequests)
        }
    }

    /// How many requests in line are few enough to claim more: none where batches are static, since the last of them
    /// has begun then.
    private var fewRequests: Int { configuration.batching == .static ? 0 : engine.capacity.maximumBatch / 2 }

    private func claim(firstID: Int, batches: inout KnownBatches) async throws -> HeldLease? {
        let request = ClaimRequest(
            worker: identity.name, models: configuration.modelNames, maximumRequests: configuration.leaseSize,
            tokenBudget: configuration.leaseTokens, timeToLive: configuration.leaseDuration,
            fingerprint: configuration.fingerprint, onlyBatch: configuration.onlyBatch)
        guard let lease = try await queue.claim(request) else { return nil }
        let watch = await keeper.keep(lease)
        let prepared = PreparedLease(
            lease, settings: try await batches.settings(for: lease, from: queue), preparation: preparation,
            firstID: firstID)
        logger.debug(
            "claimed", metadata: ["lease": "\(lease.token)", "requests": "\(lease.requests.count)"])
        return HeldLease(prepared: prepared, watch: watch, isSuspect: lease.losses > 0)
    }

    /// Closes a lease: what is unfinished goes back to the queue, without penalty.
    private func close(_ watch: LeaseWatch) async throws {
        await keeper.forget(watch)
        guard !watch.isLost else { return }
        try await results.release(token: watch.token)
    }

    /// Whether no batch that this worker serves has unfinished requests.
    private func isDrained() async throws -> Bool {
        try await queue.status(batch: configuration.onlyBatch).allSatisfy { status in
            let isServed = status.summary.model.map(configuration.modelNames.contains) ?? true
            return !isServed || status.summary.state != .active || status.summary.unfinished == 0
        }
    }
}
