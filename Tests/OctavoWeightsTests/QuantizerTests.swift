import OctavoCore
import OctavoWeights
import Testing

@Suite struct `Quantizing rows to INT8` {
    private func quantize(_ row: [Float]) -> (scale: Float, values: [Int8]) {
        var values = [Int8](repeating: 99, count: row.count)
        let scale = row.withUnsafeBufferPointer { row in
            values.withUnsafeMutableBufferPointer { Quantizer.quantize(row, into: $0) }
        }
        return (scale, values)
    }

    @Test func `values and scales are numpy's, bit for bit`() throws {
        for item in try #require(try Fixtures.json("quantized.json").arrayValue) {
            let bits = try #require(item["row"]?.arrayValue).compactMap(\.integerValue)
            let (scale, values) = quantize(bits.map { Float(bitPattern: UInt32($0)) })
            #expect(Int(scale.bitPattern) == item["scale"]?.integerValue)
            #expect(values.map(Int.init) == item["values"]?.arrayValue?.compactMap(\.integerValue))
        }
    }

    @Test func `halves go to the even neighbor`() {
        let (scale, values) = quantize([127, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 126.5])
        #expect(scale == 1)
        #expect(values == [127, 0, 2, 2, 0, -2, -2, 126])
    }

    @Test func `a row of zeros has the scale one`() {
        #expect(quantize([0, -0.0, 0]) == (1, [0, 0, 0]))
        #expect(quantize([]).scale == 1)
    }

    @Test(arguments: [Float.nan, .infinity, -.infinity, .signalingNaN])
    func `a row with a number that is not finite has a scale that is not`(bad: Float) {
        #expect(!quantize([1, 2, bad, 3]).scale.isFinite)
        #expect(!quantize([bad, 1e38]).scale.isFinite)
    }

    @Test func `an element is off by at most half a step`() {
        var generator = SeededGenerator(state: 1)
        let row = (0..<1000).map { _ in Float.random(in: -3...3, using: &generator) }
        let (scale, values) = quantize(row)
        for (weight, value) in zip(row, values) { #expect(abs(weight - Float(value) * scale) <= scale * 0.500001) }
    }
}
