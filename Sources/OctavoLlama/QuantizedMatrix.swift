package import OctavoWeights

/// The INT8 weights of a linear layer, packed in the panels that the kernels read.
///
/// Several matrices of the same input can be stacked, each beginning at a whole panel, so that one multiplication
/// serves them all.
package final class QuantizedMatrix: Sendable {
    /// Groups of input features whose activations have scales of their own.
    package let groupCount: Int
    /// Input features with their padding, in bytes.
    package let depth: Int
    /// Panels of 16 output channels.
    package let panelCount: Int
    /// `[panelCount][depth / 4][16][4]`.
    package let panels: AlignedBuffer<UInt8>
    /// `[panelCount * 16]`, zero in the padding.
    package let scales: AlignedBuffer<Float>

    /// Memory for `panelCount` panels, which are then packed one by one.
    package init(depth: Int, panelCount: Int, groupCount: Int = 1, in arena: WeightArena? = nil) {
        self.groupCount = groupCount
        self.depth = depth
        self.panelCount = panelCount
        panels = AlignedBuffer(count: panelCount * Kernels.panel * depth, in: arena)
        scales = AlignedBuffer(count: panelCount * Kernels.panel, in: arena)
    }

    /// Packs matrices of equal column counts, one above the other, on all threads: INT8 of the file's own as it is, all
    /// else quantized.
    ///
    /// - Parameter groups: how many groups of equal width the input features are divided into; more than one only if a
    ///   group's width needs no padding.
    /// - Parameter arena: where the weights of a model lie together.
    package convenience init(
        stacking matrices: [any WeightRows], groups: Int = 1, in arena: WeightArena? = nil, threads: ComputeThreads
    ) {
        let columns = matrices[0].columns
        var firstChannels: [Int] = []
        var channels = 0
        for matrix in matrices {
            precondition(matrix.columns == columns, "stacked matrices must have the same input")
            firstChannels.append(channels)
            channels += Kernels.padded(matrix.rows)
        }
        precondition(
            groups == 1 || columns % (groups * Kernels.paddedDepth(1)) == 0, "groups of features need no padding")
        self.init(
            depth: Kernels.paddedDepth(columns), panelCount: channels / Kernels.panel, groupCount: groups, in: arena)
        for (matrix, firstChannel) in zip(matrices, firstChannels) {
            pack(matrix, from: firstChannel, threads: threads)
        }
    }

    /// Whether every weight was a number: a row with one that is not has no finite scale.
    package var isFinite: Bool { (0..<scales.count).allSatisfy { scales.base[$0].isFinite } }

    /// Weights of zero stand as 128; channels of the padding are packed so, too.
    private func pack(_ matrix: any WeightRows, from firstChannel: Int, threads: ComputeThreads) {
        let (depth, panels, scales, stored) = (depth, panels, scales, matrix.channelScales)
        threads.run { index in
            let row = AlignedBuffer<Float>(count: stored == nil ? matrix.columns : 0)
            let values = UnsafeMutableBufferPointer(start: row.base, count: row.count)
            let quantized = AlignedBuffer<Int8>(count: Kernels.panel * matrix.columns)
            let integers = UnsafeMutableBufferPointer(start: quantized.base, count: quantized.count)
            let channelScales = scales.base + firstChannel
            let share = threads.share(Kernels.padded(matrix.rows), index: index, unit: Kernels.panel)
            for first in stride(from: share.lowerBound, to: share.upperBound, by: Kernels.panel) {
                let channels = first..<min(first + Kernels.panel, matrix.rows)
                if let stored {
                    matrix.readInt8(rows: channels, into: integers)
                    for channel in channels { channelScales[channel] = stored[channel] }
                } else {
                    for channel in channels {
                        matrix.read(rows: channel..<channel + 1, into: values)
                        let start = (channel - first) * matrix.columns
                        channelScales[channel] = Quantizer.quantize(
                            UnsafeBufferPointer(values),
                            into: UnsafeMutableBufferPointer(rebasing: integers[start..<start + matrix.columns]))
                    }
                }
                Kernels.pack(
                    quantized.base, rows: channels.count, count: matrix.columns, depth: depth,
                    into: panels.base + (firstChannel + first) * depth)
            }
        }
    }
}
