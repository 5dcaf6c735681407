import Foundation
import OctavoLlama
import OctavoTestSupport
import Testing

@Suite struct RotationTests {
    @Test func `angles are right to one unit in the last place, far into a context`() {
        let frequencies = (0..<64).map { Float(pow(500_000, -Double($0) / 64)) } + [1, 0.5, 3, .pi, 1e-7]
        var worst = 0
        for position in Array(0...300) + Array(stride(from: 301, through: 131_071, by: 97)) + [131_071] {
            var cosines = [Float](repeating: 0, count: frequencies.count)
            var sines = cosines
            Kernels.rotation(
                position: position, inverseFrequencies: frequencies, cosines: &cosines, sines: &sines)
            for (index, frequency) in frequencies.enumerated() {
                let angle = Double(Float(position) * frequency)
                worst = max(worst, distance(cosines[index], Float(cos(angle))))
                worst = max(worst, distance(sines[index], Float(sin(angle))))
            }
        }
        #expect(worst <= 1)
    }

    /// How many floats lie between two.
    private func distance(_ a: Float, _ b: Float) -> Int {
        func order(_ x: Float) -> Int {
            let magnitude = Int(x.magnitude.bitPattern)
            return x.sign == .minus ? -magnitude : magnitude
        }
        return abs(order(a) - order(b))
    }

    @Test(arguments: [8, 16, 24, 64, 80, 128])
    func `Hadamard matrices have the specification's bits, and keep products but for their order`(count: Int) {
        var generator = SeededGenerator(seed: UInt64(count))
        let vectors = (0..<2).map { _ in (0..<count).map { _ in Float.random(in: -3...3, using: &generator) } }
        let order = Kernels.hadamardOrder(count)
        #expect(count % order == 0 && count / order % 2 == 1)
        let expected = vectors.map { spread($0, .specification) }
        for kernels in Kernels.others { #expect(vectors.map { spread($0, kernels).bits } == expected.map(\.bits)) }
        func product(_ pair: [[Float]]) -> Double {
            zip(pair[0], pair[1]).reduce(0) { $0 + Double($1.0) * Double($1.1) }
        }
        #expect(abs(product(expected) / Double(order) - product(vectors)) < 1e-4)
        let single = spread([1] + [Float](repeating: 0, count: count - 1), .best)
        #expect(single == (0..<count).map { $0 < order ? 1 : 0 })
    }

    private func spread(_ x: [Float], _ kernels: Kernels) -> [Float] {
        let output = GuardedBuffer(x.count, canary: floatCanary)
        output.fill(x)
        kernels.hadamard(output.base, count: x.count)
        #expect(output.isIntact)
        return output.contents
    }

    @Test(arguments: Kernels.available.map(\.name), [1, 4, 8, 12, 16, 20, 32, 64])
    func `a head is rotated by halves and scaled, and its padding becomes zero`(name: String, half: Int) throws {
        let kernels = try #require(Kernels.named(name))
        var generator = SeededGenerator(seed: 9)
        let x = (0..<2 * half).map { _ in Float.random(in: -3...3, using: &generator) }
        let angles = (0..<half).map { _ in Float.random(in: 0...6, using: &generator) }
        let padded = Kernels.padded(2 * half)
        let output = GuardedBuffer(padded, canary: floatCanary)
        let (cosines, sines) = (angles.map { cos($0) }, angles.map { sin($0) })
        kernels.rotate(
            x, cosines: cosines, sines: sines, half: half, scale: 0.25, paddedCount: padded, into: output.base)
        #expect(output.isIntact)
        let found = output.contents
        for index in 0..<half {
            let (a, b) = (x[index], x[index + half])
            #expect(found[index].bitPattern == ((a * cosines[index] - b * sines[index]) * 0.25).bitPattern)
            #expect(found[index + half].bitPattern == ((b * cosines[index] + a * sines[index]) * 0.25).bitPattern)
        }
        #expect(found[(2 * half)...].allSatisfy { $0 == 0 })
    }
}
