import Logging
import OctavoBatching
import OctavoCore
import OctavoEngine
import OctavoQueue

/// Takes one lease through the engine: plans its static batches, runs them, writes what comes out.
struct LeaseRun: Sendable {
    let lease: PreparedLease
    let engine: any InferenceEngine
    let responses: ResponseBody
    let watch: LeaseWatch
    let writer: ResultWriter
    let shutdown: ShutdownSwitch
    let statistics: WorkerStatistics
    let onStep: (@Sendable (StepStatistics) -> Void)?
    let logger: Logger

    /// How long finished results may wait for a checkpoint to be written with.
    private static let flushInterval = Duration.seconds(1)

    /// Runs every batch, or as many as there is time for before the worker stops or the lease is lost.
    ///
    /// - Parameter beforeLastBatch: called when the last batch begins: time to claim the next lease.
    func run(beforeLastBatch: @Sendable () -> Void) async {
        defer { writer.close() }
        for failure in lease.failures { writer.add(failure) }
        var assembly = ResponseAssembly(lease: lease, responses: responses)
        let plan = BatchPlanner(capacity: engine.capacity).plan(lease.generations)
        for request in plan.tooLong { writer.add(tooLong(request, in: assembly)) }
        writer.flush()
        for (index, batch) in plan.batches.enumerated() {
            if index == plan.batches.count - 1 { beforeLastBatch() }
            let remaining = batch.filter { !watch.isDropped(assembly.key(of: $0.id).batchID) }
            guard !remaining.isEmpty, !shutdown.isOn else { continue }
            await run(remaining, assembly: &assembly)
            writer.flush()
        }
        if plan.batches.isEmpty { beforeLastBatch() }
    }

    private func run(_ batch: [GenerationRequest], assembly: inout ResponseAssembly) async {
        let control = GenerationControl()
        let batches = Dictionary(uniqueKeysWithValues: batch.map { ($0.id, assembly.key(of: $0.id).batchID) })
        watch.watch(control, batchOfGeneration: batches)
        var lastFlush = ContinuousClock.now
        await shutdown.whileAttached(control) {
            for await event in engine.generate(batch, control: control) {
                handle(event, control: control, assembly: &assembly)
                if ContinuousClock.now - lastFlush > Self.flushInterval {
                    lastFlush = .now
                    writer.flush()
                }
            }
        }
    }

    private func handle(
        _ event: GenerationEvent, control: GenerationControl, assembly: inout ResponseAssembly
    ) {
        switch event {
        case .step(let step):
            statistics.record(step)
            onStep?(step)
        case .finished(let completion):
            if let result = assembly.add(completion) { writer.add(result) }
        case .failed(let id, let error):
            if let failure = assembly.fail(id, error) { writer.add(failure) }
        case .checkpoint(let checkpoint):
            writer.write(checkpoint.entries.map(assembly.checkpointEntry), number: checkpoint.number, control: control)
        }
    }

    private func tooLong(_ request: GenerationRequest, in assembly: ResponseAssembly) -> FailedRequest {
        let error = RequestError(
            "prompt and max_tokens need \(request.maximumLength) positions, but this worker's KV cache holds "
                + "\(engine.capacity.maximumPositions) and its context \(engine.capacity.contextLength): lower max_tokens "
                + "or start the worker with more --kv-memory",
            parameter: "max_tokens", code: "context_length_exceeded")
        return FailedRequest(
            key: assembly.key(of: request.id), kind: "too_long", isPermanent: true, statusCode: 400,
            error: error.json.jsonText)
    }
}
