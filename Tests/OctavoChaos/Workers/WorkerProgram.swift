import Foundation
import OctavoTestSupport

/// What runs as a worker.
struct WorkerProgram: Sendable, Hashable {
    /// Which engine answers.
    enum Engine: Sendable, Hashable {
        /// The model of letters, in this very program.
        case letters
        /// `octavo worker` with this model.
        case octavo(model: String)
    }

    var engine: Engine

    /// A random model of 288 tokens, which comes with the repository.
    static let tiny = WorkerProgram(
        engine: .octavo(model: TestPaths.fixtures.appending(path: "Models/tiny-untied/hf").path))

    /// This program.
    static let ourselves = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()

    /// Starts a worker.
    ///
    /// - Parameter prefix: a program, by its path, and arguments with which it runs the worker in surroundings of its
    ///   own.
    func start(
        _ pace: Pace, database: String, trace: String, goodSteps: Int = .max, prefix: [String] = [],
        environment: [String: String] = [:]
    ) throws -> RunningProcess {
        let command = prefix + command(pace, database: database, trace: trace, goodSteps: goodSteps)
        return try RunningProcess(
            URL(fileURLWithPath: command[0]), Array(command.dropFirst()),
            environment: Self.environment.merging(environment) { $1 })
    }

    private func command(_ pace: Pace, database: String, trace: String, goodSteps: Int) -> [String] {
        switch engine {
        case .letters:
            [Self.ourselves.path, "null-worker", "--database", database, "--trace", trace, "--pace", pace.json]
                + (goodSteps < .max ? ["--good-steps", "\(goodSteps)"] : [])
        case .octavo(let model):
            [
                TestPaths.octavoExecutable.path, "worker", "--model", model, "--database", database, "--trace", trace,
                "--threads", "1", "--max-batch", "\(pace.maximumBatch)",
                "--checkpoint-tokens", "\(pace.checkpointTokens)", "--lease-size", "\(pace.leaseSize)",
                "--lease-duration", "\(Double(pace.leaseMilliseconds) / 1000)s",
            ]
        }
    }

    /// Nothing of ours leaks in; and what is killed by a signal shall not first explain itself for seconds.
    static let environment = [
        "PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin", "LC_ALL": "C.UTF-8",
        "SWIFT_BACKTRACE": "enable=no",
    ]
}
