import OctavoCore
import Testing

/// A small generator whose seed can be printed and used again (SplitMix64; Steele et al., OOPSLA 2014).
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

@Suite struct JSONFuzzTests {
    /// New in every run; the failure message has it.
    let seed = UInt64.random(in: 0 ... .max)

    @Test func `every value survives writing and parsing`() throws {
        var generator = SeededGenerator(state: seed)
        for _ in 0..<2_000 {
            let value = randomValue(depth: 0, &generator)
            #expect(try JSONValue.parse(value.jsonText) == value, "seed \(seed)")
        }
    }

    @Test func `damaged text is parsed or refused, and what is parsed survives`() throws {
        var generator = SeededGenerator(state: seed)
        var accepted = 0
        for _ in 0..<20_000 {
            var bytes = Array(randomValue(depth: 0, &generator).jsonText.utf8)
            for _ in 0..<Int.random(in: 1...4, using: &generator) { damage(&bytes, &generator) }
            guard let value = try? JSONValue.parse(bytes) else { continue }
            accepted += 1
            #expect(try JSONValue.parse(value.jsonText) == value, "seed \(seed)")
        }
        #expect(accepted > 0, "seed \(seed)")
    }

    @Test func `random bodies are parsed or refused`() {
        var generator = SeededGenerator(state: seed)
        let keys = [
            "messages", "prompt", "model", "n", "temperature", "top_p", "top_k", "seed", "max_tokens", "stop",
            "logit_bias", "logprobs", "top_logprobs", "tools", "response_format", "stop_token_ids",
        ]
        for _ in 0..<20_000 {
            var body = JSONObject()
            body[Bool.random(using: &generator) ? "messages" : "prompt"] = randomValue(depth: 2, &generator)
            for _ in 0..<Int.random(in: 0...4, using: &generator) {
                body[keys.randomElement(using: &generator) ?? "n"] = randomValue(depth: 2, &generator)
            }
            let request = try? RequestBody.parse(body)
            if let request { #expect(request.sampleCount > 0, "seed \(seed)") }
        }
    }

    private func randomValue(depth: Int, _ generator: inout SeededGenerator) -> JSONValue {
        switch Int.random(in: 0...(depth < 4 ? 7 : 5), using: &generator) {
        case 0: return .null
        case 1: return .bool(.random(using: &generator))
        case 2:
            return .integer(
                Int.random(in: .min ... .max, using: &generator) >> Int.random(in: 0...63, using: &generator))
        case 3: return .double(Double.random(in: -1e6...1e6, using: &generator))
        case 4:
            return .bigInteger("1" + (0..<25).map { _ in String(Int.random(in: 0...9, using: &generator)) }.joined())
        case 5: return .string(randomText(&generator))
        case 6:
            let count = Int.random(in: 0...5, using: &generator)
            return .array((0..<count).map { _ in randomValue(depth: depth + 1, &generator) })
        default:
            var object = JSONObject()
            for _ in 0..<Int.random(in: 0...20, using: &generator) {
                object[randomText(&generator)] = randomValue(depth: depth + 1, &generator)
            }
            return .object(object)
        }
    }

    private func randomText(_ generator: inout SeededGenerator) -> String {
        var text = ""
        for _ in 0..<Int.random(in: 0...12, using: &generator) {
            let limits: [UInt32] = [0x20, 0x80, 0x800, 0x1_0000, 0x11_0000]
            let limit = limits.randomElement(using: &generator) ?? 0x80
            if let scalar = Unicode.Scalar(UInt32.random(in: 0..<limit, using: &generator)) {
                text.unicodeScalars.append(scalar)
            }
        }
        return text
    }

    private func damage(_ bytes: inout [UInt8], _ generator: inout SeededGenerator) {
        let symbols = Array("[]{}\",:\\u0019eE+-.ntf \u{1}\u{FF}".utf8)
        let place = Int.random(in: 0...bytes.count, using: &generator)
        switch Int.random(in: 0...2, using: &generator) {
        case 0: bytes.insert(symbols.randomElement(using: &generator) ?? 0, at: place)
        case 1 where place < bytes.count: bytes.remove(at: place)
        case 2 where place < bytes.count: bytes[place] = UInt8.random(in: 0...255, using: &generator)
        default: break
        }
    }
}
