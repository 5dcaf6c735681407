import Foundation
import OctavoCore
import OctavoWeights
import Testing

@Suite struct `Writing config json` {
    @Test(arguments: ["tiny-untied", "tiny-tied", "tiny-llama31"])
    func `a configuration is read back as it was`(model: String) throws {
        let original = try Checkpoint.open(Fixtures.model("\(model)/hf")).configuration
        #expect(try Self.rewritten(original, beside: model) == original)
    }

    @Test func `the RoPE divisors of a GGUF file become the scaling that they come from`() throws {
        let gguf = try Checkpoint.open(Fixtures.model("tiny-llama31/gguf/model-f16.gguf")).configuration
        let original = try Checkpoint.open(Fixtures.model("tiny-llama31/hf")).configuration
        #expect(gguf.ropeScaling == nil)
        #expect(try Self.rewritten(gguf, beside: "tiny-llama31") == original)
    }

    @Test(arguments: [(8.0, 64, 500_000.0), (32, 64, 500_000), (8, 128, 500_000), (32, 128, 500_000), (8, 16, 10_000)])
    func `a published scaling is known by its divisors`(factor: Double, headDimension: Int, theta: Double) throws {
        let scaling = RopeScaling(
            factor: factor, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalContextLength: 8192)
        let divisors = Self.divisors(of: scaling, headDimension: headDimension, theta: theta)
        #expect(RopeScaling(divisors: divisors, theta: theta) == scaling)
    }

    @Test func `divisors of another scaling are refused by name`() throws {
        var configuration = try Checkpoint.open(Fixtures.model("tiny-llama31/gguf/model-f16.gguf")).configuration
        let scaling = RopeScaling(
            factor: 16, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalContextLength: 8192)
        configuration.ropeFrequencyDivisors = Self.divisors(
            of: scaling, headDimension: configuration.headDimension, theta: configuration.ropeTheta)
        let error = try #require(throws: WeightsError.self) { try Self.json(configuration) }
        #expect(error.tensor == "rope_freqs.weight" && error.path == "model.gguf")
        // Divisors that change nothing are no scaling.
        configuration.ropeFrequencyDivisors = Array(repeating: 1, count: configuration.headDimension / 2)
        #expect(try Self.json(configuration)["rope_scaling"]?.isNull == true)
    }

    private static func divisors(of scaling: RopeScaling, headDimension: Int, theta: Double) -> [Float] {
        (0..<headDimension / 2).map { pair in
            let frequency = Float(pow(theta, -2 * Double(pair) / Double(headDimension)))
            return frequency / scaling.scaled(frequency)
        }
    }

    private static func json(_ configuration: ModelConfiguration) throws -> JSONObject {
        try configuration.huggingFaceJSON(elementType: .bf16, bosToken: 280, endTokens: [281, 286], path: "model.gguf")
    }

    /// The configuration written beside a model's weights, and read again.
    private static func rewritten(_ configuration: ModelConfiguration, beside model: String) throws
        -> ModelConfiguration
    {
        let folder = try TemporaryFolder()
        let weights = "model.safetensors"
        try FileManager.default.copyItem(
            atPath: "\(Fixtures.model("\(model)/hf"))/\(weights)", toPath: "\(folder.path)/\(weights)")
        let text = JSONValue.object(try json(configuration)).indentedText
        try Data(text.utf8).write(to: URL(fileURLWithPath: "\(folder.path)/config.json"))
        let checkpoint = try Checkpoint.open(folder.path)
        #expect(checkpoint.endTokens == [281, 286])
        return checkpoint.configuration
    }
}
