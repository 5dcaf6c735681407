import CAllocationCounter
import Foundation
import OctavoCore
import OctavoEngine
import OctavoLlama
import OctavoWeights

/// Counts how often a generation asks for memory between two steps of decoding, and prints it, step by step, in a line of
/// JSON. A program of its own, since it puts a counter before the allocator.
///
///     OctavoAllocations MODEL ROWS THREADS STEPS
@main
struct OctavoAllocations {
    /// Steps of decoding before the first that is counted: what is reused is made in them.
    private static let warmUp = 8

    static func main() async throws {
        let arguments = CommandLine.arguments.dropFirst()
        let numbers = arguments.dropFirst().compactMap(Int.init)
        guard let path = arguments.first, arguments.count == 4, numbers.count == 3, numbers.allSatisfy({ $0 > 0 })
        else {
            FileHandle.standardError.write(Data("usage: OctavoAllocations MODEL ROWS THREADS STEPS\n".utf8))
            exit(64)
        }
        let (rows, threads, steps) = (numbers[0], numbers[1], numbers[2])
        precondition(octavo_allocations_of_this_thread() > 0, "allocations are not counted")
        let team = ComputeThreads(count: threads)
        let model = try LlamaModel(Checkpoint.open(path), threads: team)
        var configuration = LlamaRunner.Configuration()
        configuration.kvCacheBytes = 512 << 20
        let runner = CountingRunner(
            LlamaRunner(model, threads: team, configuration: configuration), steps: 2 * (warmUp + steps + rows))
        let counts = await generate(with: runner, rows: rows, tokens: warmUp + steps + 2)
        print("[" + counts.prefix(steps).map(String.init).joined(separator: ",") + "]")
    }

    /// Allocations from each step to the next, where both decode all rows.
    private static func generate(with runner: CountingRunner, rows: Int, tokens: Int) async -> [UInt64] {
        var configuration = LocalEngine.Configuration()
        configuration.maximumBatch = rows
        configuration.speculativeTokens = 0
        configuration.checkpointTokens = .max
        configuration.checkpointInterval = .seconds(3600)
        let engine = LocalEngine(
            runner: runner, tokens: Spelling(size: runner.vocabularySize), endTokens: [], configuration: configuration)
        let requests = (0..<rows).map { request(id: $0, tokens: tokens, vocabularySize: runner.vocabularySize) }
        for await _ in engine.generate(requests, control: GenerationControl()) {}
        let marks = runner.marks.filter { $0.decodingRows == rows }
        return zip(marks.dropFirst(), marks).dropFirst(warmUp).map { $0.allocations - $1.allocations }
    }

    /// Requests that choose tokens in different ways: greedy, at random, filtered, penalized.
    private static func request(id: Int, tokens: Int, vocabularySize: Int) -> GenerationRequest {
        var sampling = SamplingParameters()
        sampling.seed = Int64(id)
        sampling.maxTokens = tokens
        sampling.temperature = id % 4 == 0 ? 0 : 1
        if id % 4 == 2 { (sampling.topP, sampling.topK) = (0.9, 40) }
        if id % 4 == 3 { (sampling.repetitionPenalty, sampling.frequencyPenalty) = (1.1, 0.5) }
        let prompt = (0..<12).map { TokenID(($0 * 7 + id * 3 + 1) % vocabularySize) }
        return GenerationRequest(id: id, promptTokens: prompt, sampling: sampling)
    }
}

/// Tokens of one letter each, spelled out once, so that the engine's allocations are counted and no tokenizer's.
private struct Spelling: TokenDecoding {
    private let spellings: [[UInt8]]

    init(size: Int) { spellings = (0..<size).map { [UInt8(ascii: "a") + UInt8($0 % 26)] } }

    func bytes(of token: TokenID) -> [UInt8] { spellings[Int(token)] }
    func isSpecial(_ token: TokenID) -> Bool { false }
}
