/// The parts of an output's name.
struct ExportPath {
    /// The path without the endings: `out/train` of `out/train.jsonl.gz`.
    let stem: String
    /// The ending that names how the file is compressed, or nothing.
    let compression: String

    init(_ path: String) {
        compression = Compression(path: path)?.suffix ?? ""
        let path = path.dropLast(compression.count)
        let name = path.split(separator: "/").last ?? ""
        let ending = name.dropFirst().lastIndex(of: ".").map { name[$0...] } ?? ""
        stem = String(path.dropLast(ending.count))
    }
}
