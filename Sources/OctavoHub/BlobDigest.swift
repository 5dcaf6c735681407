import Crypto

/// Computes the hash under which the hub knows a file.
enum BlobDigest {
    /// Of files in large-file storage: the contents' SHA-256.
    case sha256(SHA256)
    /// Of the others: what git computes for an object, the SHA-1 of `blob SIZE\0` and the contents.
    case gitObject(Insecure.SHA1)

    /// The computation for a file, before its first byte.
    init(for file: RemoteFile) {
        if file.hash.utf8.count == 64 {
            self = .sha256(SHA256())
        } else {
            var hash = Insecure.SHA1()
            hash.update(data: Array("blob \(file.size)\0".utf8))
            self = .gitObject(hash)
        }
    }

    /// Goes on with these bytes.
    mutating func update(_ bytes: UnsafeRawBufferPointer) {
        switch self {
        case .sha256(var hash):
            hash.update(bufferPointer: bytes)
            self = .sha256(hash)
        case .gitObject(var hash):
            hash.update(bufferPointer: bytes)
            self = .gitObject(hash)
        }
    }

    /// The hash in hexadecimal digits.
    var hexadecimal: String {
        switch self {
        case .sha256(let hash): Self.digits(hash.finalize())
        case .gitObject(let hash): Self.digits(hash.finalize())
        }
    }

    private static func digits(_ bytes: some Sequence<UInt8>) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
