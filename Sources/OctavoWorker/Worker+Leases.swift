import Logging
import OctavoCore
import OctavoQueue

// One lease after another; the next is claimed and tokenized while the last batch of the current one is computed.

extension Worker {
    /// A lease in hand, with the watch that heartbeats keep on it.
    struct HeldLease: Sendable {
        let prepared: PreparedLease
        let watch: LeaseWatch
    }

    /// Processes leases until shutdown, or until drained.
    func processLeases() async throws {
        var ahead: ClaimAhead?
        while !shutdown.isOn {
            let held = if let next = ahead { try await next.result() } else { try await claim() }
            ahead = nil
            guard let held else {
                if configuration.drains, try await isDrained() { return }
                await shutdown.nap(configuration.pollInterval * Double.random(in: 0.8...1.2))
                continue
            }
            ahead = try await process(held)
        }
        // Claimed ahead, but not begun: given back at once.
        if let held = try await ahead?.result() { try await close(held) }
    }

    private func claim() async throws -> HeldLease? {
        guard !shutdown.isOn else { return nil }
        let request = ClaimRequest(
            worker: identity.name, models: configuration.modelNames, maximumRequests: configuration.leaseSize,
            tokenBudget: configuration.leaseTokens, timeToLive: configuration.leaseDuration,
            fingerprint: configuration.fingerprint, onlyBatch: configuration.onlyBatch)
        guard let lease = try await queue.claim(request) else { return nil }
        let watch = await keeper.keep(lease)
        let settings = try await queue.batchSettings(Array(Set(lease.requests.map(\.key.batchID))))
        let prepared = PreparedLease(
            lease, settings: Dictionary(uniqueKeysWithValues: settings.map { ($0.id, $0) }), preparation: preparation)
        logger.debug(
            "claimed", metadata: ["lease": "\(lease.token)", "requests": "\(lease.requests.count)"])
        return HeldLease(prepared: prepared, watch: watch)
    }

    /// Runs a lease to its end and returns the claim of the next, begun meanwhile.
    private func process(_ held: HeldLease) async throws -> ClaimAhead? {
        let writer = ResultWriter(
            queue: queue, watch: held.watch, timeToLive: configuration.leaseDuration, statistics: statistics,
            logger: logger)
        let run = LeaseRun(
            lease: held.prepared, engine: engine, responses: responses, watch: held.watch, writer: writer,
            shutdown: shutdown, statistics: statistics, onStep: configuration.onStep, logger: logger)
        let ahead = ClaimAhead { try await claim() }
        // A claim that waits for the server must not hold up the end, nor outlive a write that failed.
        try await withTaskCancellationHandler {
            do {
                async let writing: Void = writer.run()
                await run.run(beforeLastBatch: { ahead.start() })
                try await writing
                try await close(held)
            } catch {
                ahead.cancel()
                throw error
            }
        } onCancel: {
            ahead.cancel()
        }
        return ahead.isStarted ? ahead : nil
    }

    /// Closes a lease: what is unfinished goes back to the queue, without penalty.
    private func close(_ held: HeldLease) async throws {
        await keeper.forget(held.watch)
        guard !held.watch.isLost else { return }
        try await queue.release(token: held.watch.token)
    }

    /// Whether no batch that this worker serves has unfinished requests.
    private func isDrained() async throws -> Bool {
        try await queue.status(batch: configuration.onlyBatch).allSatisfy { status in
            let isServed = status.summary.model.map(configuration.modelNames.contains) ?? true
            return !isServed || status.summary.state != .active || status.summary.unfinished == 0
        }
    }
}
