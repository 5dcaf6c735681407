import OctavoLlama
import OctavoTestSupport
import Testing

/// Room for a kernel's output between two stretches of canaries, which a kernel that writes too far would kill.
final class GuardedBuffer<Element: BitwiseCopyable & Equatable> {
    private static var margin: Int { 64 }
    private let memory: UnsafeMutableBufferPointer<Element>
    private let canary: Element
    let count: Int

    /// - Parameter canary: also what the room itself holds at first.
    init(_ count: Int, canary: Element) {
        self.count = count
        self.canary = canary
        memory = .allocate(capacity: count + 2 * Self.margin)
        memory.initialize(repeating: canary)
    }

    deinit { memory.deallocate() }

    var base: UnsafeMutablePointer<Element> { memory.baseAddress! + Self.margin }
    var contents: [Element] { Array(memory[Self.margin..<Self.margin + count]) }

    /// Whether nothing was written outside.
    var isIntact: Bool {
        memory[..<Self.margin].allSatisfy { $0 == canary }
            && memory[(Self.margin + count)...].allSatisfy { $0 == canary }
    }

    func fill(_ values: [Element]) { for (index, value) in values.enumerated() { base[index] = value } }
}

extension Kernels {
    static let specification = Kernels.named("scalar") ?? .best
    /// Those that must give the bits of the specification.
    static let others = available.filter { $0.name != "scalar" }
}

extension [Float] {
    /// The bits, which tell NaNs and signed zeros apart.
    var bits: [UInt32] { map(\.bitPattern) }

    /// `count` numbers of the range, then zeros up to whole lanes.
    static func random(_ count: Int, in range: ClosedRange<Float>, using generator: inout SeededGenerator) -> [Float] {
        (0..<Kernels.padded(count)).map { $0 < count ? Float.random(in: range, using: &generator) : 0 }
    }
}

/// A float that is no number of any result, to see whether it was overwritten.
let floatCanary = Float(bitPattern: 0x4B1D_CAFE)
