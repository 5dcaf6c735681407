import Foundation
import OctavoWeights
import Testing

/// A GGUF file of SmolLM2-135M-Instruct in Q4_1, if there is one: `$OCTAVO_TEST_MODEL`, or the cached download.
private let model: String? = {
    let environment = ProcessInfo.processInfo.environment
    let data = environment["XDG_DATA_HOME"] ?? NSHomeDirectory() + "/.local/share"
    let home = environment["OCTAVO_HOME"] ?? data + "/octavo"
    let path = environment["OCTAVO_TEST_MODEL"] ?? home + "/models/SmolLM2-135M-Instruct.Q4_1.gguf"
    return path.hasSuffix("SmolLM2-135M-Instruct.Q4_1.gguf") && FileManager.default.fileExists(atPath: path)
        ? path : nil
}()

@Suite(.enabled(if: model != nil, "SmolLM2 is not downloaded (scripts/fetch-model)"))
struct `SmolLM2` {
    @Test func `all weights decode to the bits that the package gguf computes`() throws {
        let checkpoint = try Checkpoint.open(try #require(model))
        var sum: UInt64 = 0
        for role in checkpoint.roles { sum &+= checksum(try checkpoint.floats(role)) }
        #expect(checkpoint.roles.count == 272)
        // Printed by `make_fixtures.py SmolLM2-135M-Instruct.Q4_1.gguf`.
        #expect(sum == 0x0CC9_2144_BDC5_D240)
    }

    @Test func `the configuration is that of the 135M model`() throws {
        let checkpoint = try Checkpoint.open(try #require(model))
        #expect(checkpoint.configuration.hiddenSize == 576)
        #expect(checkpoint.configuration.layerCount == 30)
        #expect(checkpoint.configuration.headDimension == 64)
        #expect(checkpoint.configuration.vocabularySize == 49152)
        #expect(checkpoint.configuration.tiesEmbeddings)
        #expect(checkpoint.endTokens == [2])
    }
}
