import Foundation
import OctavoCore
import OctavoTestSupport
import Testing

/// A way to run the same requests.
struct RunVariant: Sendable, CustomStringConvertible {
    var batch: Int
    var threads: Int
    /// nil: the best that the machine can run.
    var kernels: String?
    /// How keys and values are stored; nil: as the scheme has it.
    var cache: String?
    var isShuffled = false

    var description: String {
        "--max-batch \(batch) --threads \(threads) --kernels \(kernels ?? "best")"
            + (cache.map { " --kv-cache \($0)" } ?? "") + (isShuffled ? ", shuffled" : "")
    }

    func caching(_ cache: String) -> RunVariant {
        var variant = self
        variant.cache = cache
        return variant
    }

    var arguments: [String] {
        ["--max-batch", "\(batch)", "--threads", "\(threads)"]
            + (kernels.map { ["--kernels", $0] } ?? []) + (cache.map { ["--kv-cache", $0] } ?? [])
    }
}

extension CommandLineTests {
    /// The same requests give the same bytes, however they are computed and whatever is killed.
    @Suite(.serialized) struct DeterminismTests {
        private static let tinyVariants = [
            RunVariant(batch: 7, threads: 1, kernels: "scalar"), RunVariant(batch: 1, threads: 1),
            RunVariant(batch: 7, threads: 1), RunVariant(batch: 32, threads: 1), RunVariant(batch: 1, threads: 2),
            RunVariant(batch: 32, threads: 2), RunVariant(batch: 7, threads: 2, isShuffled: true),
            RunVariant(batch: 32, threads: 2, kernels: "scalar", isShuffled: true),
        ]

        @Test func `the same requests give the same bytes in every way of running them, killed or not`() async throws {
            // Scalar kernels are slow, so that a kill surely comes in mid-decode.
            let killed = RunVariant(batch: 7, threads: 1, kernels: "scalar")
            try await compare(
                model: TestModels.tiny, longest: 150, variants: Self.tinyVariants,
                killed: [killed], tokensPerLife: 700)
        }

        @Test func `keys and values in INT8 give the same bytes in every way of running, killed or not`() async throws {
            let variants = Self.tinyVariants.filter { $0.batch != 32 || $0.isShuffled }.map { $0.caching("int8") }
            try await compare(
                model: TestModels.tiny, longest: 150, variants: variants, killed: [variants[0]], tokensPerLife: 700)
        }

        @Test(.enabled(if: TestModels.smolLM2 != nil, "\(TestModels.absence)"))
        func `the same requests to SmolLM2 give the same bytes`() async throws {
            let variants = [
                RunVariant(batch: 7, threads: 2), RunVariant(batch: 1, threads: 2), RunVariant(batch: 32, threads: 1),
                RunVariant(batch: 32, threads: 2, isShuffled: true),
            ]
            try await compare(
                model: try #require(TestModels.smolLM2), longest: 12, variants: variants,
                killed: [RunVariant(batch: 7, threads: 2)], tokensPerLife: 60)
        }

        private func compare(
            model: String, longest: Int, variants: [RunVariant], killed: [RunVariant], tokensPerLife: Int
        ) async throws {
            let lines = SampleRequests.lines(longest: longest)
            var expected: ResultDigest?
            for variant in variants {
                let digest = try await run(variant, model: model, lines: lines)
                print("\(digest.answers)  \(variant)")
                check(digest, against: &expected, variant)
            }
            for variant in killed {
                let digest = try await runKilling(variant, model: model, lines: lines, tokensPerLife: tokensPerLife)
                print("\(digest.answers)  \(variant), killed")
                check(digest, against: &expected, variant)
            }
        }

        private func check(_ digest: ResultDigest, against expected: inout ResultDigest?, _ variant: RunVariant) {
            #expect(digest.lines == 40, "\(variant)")
            guard let first = expected else { return expected = digest }
            #expect(digest.answers == first.answers, "\(variant)")
            // The ids depend on a line's place, and on nothing else.
            if !variant.isShuffled { #expect(digest.file == first.file, "\(variant)") }
        }

        private func run(_ variant: RunVariant, model: String, lines: [String]) async throws -> ResultDigest {
            try await Workbench.with { bench in
                var shuffle = SeededGenerator(seed: 8)
                let lines = variant.isShuffled ? lines.shuffled(using: &shuffle) : lines
                let input = try bench.write("in.jsonl", lines.joined(separator: "\n"))
                let output = try await bench.octavo(
                    ["run", input, "--model", model, "-o", bench.path("out.jsonl")] + variant.arguments)
                #expect(output.status == 0, "\(variant): \(output.standardError)")
                return ResultDigest(try bench.read("out.jsonl"))
            }
        }

        /// Kills the run again and again until it has come to its end, and bounds what was computed twice.
        private func runKilling(
            _ variant: RunVariant, model: String, lines: [String], tokensPerLife: Int
        ) async throws -> ResultDigest {
            try await Workbench.with { bench in
                let input = try bench.write("in.jsonl", lines.joined(separator: "\n"))
                let trace = WorkerTrace(path: bench.path("trace.jsonl"))
                let interval = 8
                let arguments =
                    [
                        "run", input, "--model", model, "-o", bench.path("out.jsonl"), "--trace", trace.path,
                        "--checkpoint-tokens", "\(interval)",
                    ] + variant.arguments
                var kills = 0
                while kills < 4 {
                    let process = try bench.start(arguments)
                    guard try await trace.kill(process, afterSampling: tokensPerLife + kills) else { break }
                    #expect(!bench.exists("out.jsonl"))
                    kills += 1
                }
                let output = try await bench.octavo(arguments)
                #expect(output.status == 0, "\(output.standardError)")
                #expect(kills >= 3, "the runs ended before they could be killed")
                let again = try trace.sampledTokens() - completionTokens(bench.jsonLines("out.jsonl"))
                let bound = kills * variant.batch * interval
                print("killed \(kills) times: \(again) tokens were computed again, at most \(bound) allowed")
                #expect((0...bound).contains(again))
                return ResultDigest(try bench.read("out.jsonl"))
            }
        }
    }
}

/// SplitMix64 (Steele et al., OOPSLA 2014): a random sequence that a printed seed brings back.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
