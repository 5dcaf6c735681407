internal import Foundation
internal import OctavoCore

/// Writes a safetensors file whose tensors' number need not be known beforehand.
///
/// The format's header comes first and names every tensor, so the elements are collected in a temporary file, and
/// `finish()` puts header and elements together. Until then nothing exists at the path; without `finish()` nothing ever
/// does.
public final class SafetensorsWriter {
    private let path: String
    private let elements: Int32
    private var header: SafetensorsHeader
    private var missingBytes = 0

    /// Begins a file that is to stand at `path`; its folder needs room for twice the elements.
    ///
    /// - Parameter metadata: texts for the header.
    /// - Throws: `WeightsError` when the folder cannot be written to.
    public init(path: String, metadata: [(key: String, value: String)] = []) throws(WeightsError) {
        self.path = path
        header = SafetensorsHeader(metadata: metadata)
        let temporary = path + ".elements"
        elements = Foundation.open(temporary, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard elements >= 0 else { throw .system(path) }
        unlink(temporary)
    }

    deinit { if elements >= 0 { close(elements) } }

    /// Begins the next tensor; its elements follow by `append`.
    ///
    /// - Parameter name: a name not yet in the file.
    /// - Parameter shape: the dimensions, outermost first.
    /// - Parameter type: how the elements are stored; one of the types that hold one element at a time.
    public func begin(_ name: String, shape: [Int], type: ElementType = .f32) {
        precondition(missingBytes == 0, "the tensor before is incomplete")
        precondition(shape.allSatisfy { $0 >= 0 }, "a negative dimension")
        precondition(!header.tensors.contains { $0.name == name }, "the file has a tensor of this name")
        precondition(type.blockLength == 1, "safetensors has no \(type)")
        missingBytes = shape.reduce(1, *) * type.blockByteCount
        header.tensors.append(
            SafetensorsHeader.Tensor(name: name, type: type.rawValue, shape: shape, byteCount: missingBytes))
    }

    /// Appends elements, row-major, to the tensor begun last.
    ///
    /// - Throws: `WeightsError` when they cannot be written.
    public func append(_ values: UnsafeBufferPointer<Float>) throws(WeightsError) {
        try append(bytes: UnsafeRawBufferPointer(values))
    }

    /// Appends elements as they are stored to the tensor begun last.
    ///
    /// - Throws: `WeightsError` when they cannot be written.
    package func append(bytes: UnsafeRawBufferPointer) throws(WeightsError) {
        precondition(bytes.count <= missingBytes, "more elements than the tensor's shape has")
        missingBytes -= bytes.count
        try write(bytes, to: elements)
    }

    /// Appends elements, row-major, to the tensor begun last.
    ///
    /// - Throws: `WeightsError` when they cannot be written.
    public func append(_ values: [Float]) throws(WeightsError) {
        try values.withUnsafeBufferPointer { buffer throws(WeightsError) in try append(buffer) }
    }

    /// Puts the file at its path, replacing one that is there.
    ///
    /// - Throws: `WeightsError` when it cannot be written; a file at the path then stays as it was.
    public func finish() throws(WeightsError) {
        precondition(missingBytes == 0, "the last tensor is incomplete")
        let partial = path + ".partial"
        let descriptor = Foundation.open(partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw .system(path) }
        do throws(WeightsError) {
            defer { close(descriptor) }
            try header.bytes.withUnsafeBufferPointer { bytes throws(WeightsError) in
                try write(UnsafeRawBufferPointer(bytes), to: descriptor)
            }
            try copyElements(to: descriptor)
        } catch {
            unlink(partial)
            throw error
        }
        guard rename(partial, path) == 0 else { throw .system(path) }
    }

    private func copyElements(to descriptor: Int32) throws(WeightsError) {
        guard lseek(elements, 0, SEEK_SET) == 0 else { throw .system(path) }
        let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
        defer { chunk.deallocate() }
        while true {
            let count = Foundation.read(elements, chunk.baseAddress, chunk.count)
            guard count >= 0 else { throw .system(path) }
            if count == 0 { return }
            try write(UnsafeRawBufferPointer(rebasing: chunk[..<count]), to: descriptor)
        }
    }

    private func write(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) throws(WeightsError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = Foundation.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw .system(path) }
            rest = rest.dropFirst(count)
        }
    }
}
