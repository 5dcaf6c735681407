import Foundation
import OctavoPostgres
import OctavoTestSupport

/// The models that tests run.
enum TestModels {
    /// Random weights, 288 tokens, a context of 512: a token takes well under a millisecond.
    static let tiny = TestPaths.fixtures.appending(path: "Models/tiny-untied/hf").path

    /// SmolLM2-135M-Instruct, if it is on this machine: `$OCTAVO_TEST_MODEL`, or what scripts/fetch-model fetched.
    static let smolLM2: String? = {
        let environment = ProcessInfo.processInfo.environment
        let path =
            environment["OCTAVO_TEST_MODEL"]
            ?? "\(PrivateCluster.defaultHome())/models/SmolLM2-135M-Instruct.Q4_1.gguf"
        return FileManager.default.fileExists(atPath: path) ? path : nil
    }()

    /// Why tests of SmolLM2 are skipped.
    static let absence = "SmolLM2 is not on this machine: scripts/fetch-model fetches it; or set OCTAVO_TEST_MODEL"
}
