public import ArgumentParser
import Foundation
public import OctavoBatching
import OctavoCore
import OctavoEngine
import OctavoLlama
import OctavoWorker

extension BatchingMode: ExpressibleByArgument {}

/// How a worker holds its leases, and how it works through them.
struct WorkerArguments: ParsableArguments {
    @Option(help: "The most requests claimed together (OCTAVO_LEASE_SIZE; default: four batches).")
    var leaseSize: Int?

    @Option(
        help:
            "A worker that is silent for this long loses its requests to others (OCTAVO_LEASE_DURATION; default: 60s).")
    var leaseDuration: Seconds?

    @Option(
        help:
            "How requests come together: refill, where one joins as soon as another has ended, or static, where a batch begins when all of the one before have ended (OCTAVO_BATCHING; default: refill). Both give the same answers."
    )
    var batching: BatchingMode?

    @Flag(
        help:
            "Add usage.prompt_tokens_details.cached_tokens to responses: prompt tokens not computed again, which depends on what was computed before."
    )
    var reportCachedTokens = false

    @Option(help: "How long an orderly stop may take (OCTAVO_GRACE; default: 30s).")
    var grace: Seconds?

    @Option(help: "Append a line of JSON for every step of the engine to this file.")
    var trace: String?

    func graceDuration() throws -> Duration {
        try (grace ?? Environment.value("OCTAVO_GRACE"))?.duration ?? .seconds(30)
    }

    /// The worker's configuration for a model.
    func configuration(for model: LoadedModel, drains: Bool) throws -> WorkerConfiguration {
        var configuration = WorkerConfiguration(modelNames: model.names, fingerprint: model.fingerprint)
        configuration.program = "octavo \(OctavoVersion.current)"
        configuration.threads = model.runner.threads.count
        configuration.samplingDefaults = model.samplingDefaults
        configuration.drains = drains
        configuration.batching = try batching ?? Environment.value("OCTAVO_BATCHING") ?? .refill
        configuration.reportsCachedTokens = reportCachedTokens
        configuration.leaseSize =
            try leaseSize ?? Environment.value("OCTAVO_LEASE_SIZE") ?? 4 * model.engine.capacity.maximumBatch
        if let duration = try leaseDuration ?? Environment.value("OCTAVO_LEASE_DURATION") {
            configuration.leaseDuration = duration.duration
        }
        guard configuration.leaseSize > 0 else { throw ValidationError("--lease-size must be at least 1") }
        guard configuration.leaseDuration >= .seconds(1) else {
            throw ValidationError("--lease-duration must be at least 1s")
        }
        if let trace {
            let file = try Self.open(trace: trace)
            configuration.onStep = { file.write($0) }
        }
        return configuration
    }

    private static func open(trace path: String) throws -> StepTrace {
        do {
            return try StepTrace(path: path)
        } catch {
            throw CommandFailure(.cannotWrite, "\(path): cannot be written: \(error.localizedDescription)")
        }
    }
}
