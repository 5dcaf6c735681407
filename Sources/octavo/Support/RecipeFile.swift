import Foundation
import OctavoJobs

/// Reading recipes.
enum RecipeFile {
    /// The largest recipe that is read, in bytes.
    private static let maximumBytes = 1 << 20

    /// - Throws: `CommandFailure` when the file cannot be read, `JobError` when it is no recipe.
    static func read(_ path: String) throws -> JobRecipe {
        let data: Data
        do {
            let handle = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
            data = try handle.read(upToCount: maximumBytes + 1) ?? Data()
        } catch {
            throw CommandFailure(.inputNotFound, "\(path): cannot be read. Check the path and your rights to it.")
        }
        guard data.count <= maximumBytes, let text = String(data: data, encoding: .utf8) else {
            throw CommandFailure(
                .badData, "\(path): must be UTF-8 of at most 1 MiB. Put data into the rows, not into the recipe.")
        }
        return try JobRecipe(yaml: text, file: path)
    }
}
