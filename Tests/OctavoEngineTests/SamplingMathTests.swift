import Foundation
import OctavoEngine
import OctavoTestSupport
import Testing

@Suite struct SamplingMathTests {
    @Test func `exp is right to two units in the last place`() {
        var worst = 0.0
        for step in stride(from: Float(-87), through: 88, by: 0.0007) {
            let value = SamplingMath.exp(SamplingMath.Lanes(repeating: step))[5]
            let exact = Foundation.exp(Double(step))
            worst = max(worst, abs(Double(value) - exact) / exact)
        }
        #expect(worst < 0x1p-22)
    }

    @Test func `exp of zero is one, and of what lies below the range zero`() {
        #expect(SamplingMath.exp(SamplingMath.Lanes(repeating: 0)) == SamplingMath.Lanes(repeating: 1))
        for x in [-87.001, -1000, -.greatestFiniteMagnitude, -.infinity] as [Float] {
            #expect(SamplingMath.exp(SamplingMath.Lanes(repeating: x)) == SamplingMath.Lanes(repeating: 0), "\(x)")
        }
    }

    @Test func `log is right to the last places of a double`() {
        var x = 1e-300
        while x < 1e300 {
            let expected = Foundation.log(x)
            #expect(abs(SamplingMath.log(x) - expected) <= 4e-16 * max(abs(expected), 1), "\(x)")
            x *= 1.0317
        }
        #expect(SamplingMath.log(1) == 0)
    }

    @Test(arguments: 1...49)
    func `the maximum is the first of the largest, wherever it stands`(count: Int) {
        for place in 0..<count {
            var row = (0..<count).map { Float($0 % 3) - 5 }
            row[place] = 7
            if place + 2 < count { row[place + 2] = 7 }
            let maximum = row.withUnsafeBufferPointer { SamplingMath.maximum($0) }
            #expect(maximum?.value == 7 && maximum?.index == place)
        }
    }

    @Test(arguments: [Float.nan, .infinity, -.infinity, .signalingNaN])
    func `a row that is not finite has no maximum`(stranger: Float) {
        for count in [1, 15, 16, 17, 40] {
            for place in 0..<count {
                var row = [Float](repeating: 1, count: count)
                row[place] = stranger
                #expect(row.withUnsafeBufferPointer { SamplingMath.maximum($0) } == nil)
            }
        }
    }

    @Test func `log-sum-exp agrees with double precision`() {
        var generator = SeededGenerator(seed: 11)
        for count in [1, 2, 15, 16, 17, 100, 1000, 49_152] {
            let row = (0..<count).map { _ in Float.random(in: -20...20, using: &generator) }
            let largest = row.max() ?? 0
            let exact =
                Double(largest) + Foundation.log(row.reduce(0.0) { $0 + Foundation.exp(Double($1) - Double(largest)) })
            let value = row.withUnsafeBufferPointer { SamplingMath.logSumExp($0, maximum: largest) }
            #expect(abs(value - exact) < 1e-6, "\(count)")
        }
    }

    @Test(arguments: [1, 5, 16, 33])
    func `the largest logits come in order, ties to the lower id`(count: Int) {
        var generator = SeededGenerator(seed: 12)
        let row = (0..<200).map { _ in Float(Int.random(in: 0..<20, using: &generator)) }
        let expected = row.indices.sorted { (row[$0], $1) > (row[$1], $0) }.prefix(count).map(Int32.init)
        #expect(row.withUnsafeBufferPointer { LogitsSummary.top($0, count: count) } == expected)
    }
}
