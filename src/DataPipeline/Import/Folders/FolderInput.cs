using System.Security.Cryptography;
using System.Text;
using ClipTrain.DataPipeline.Corpus;

namespace ClipTrain.DataPipeline.Import.Folders;

/// <summary>A folder of images as input: it is the same as long as the names and sizes of its images are.</summary>
internal static class FolderInput
{
    /// <exception cref="CorpusException">The folder is missing or holds no image.</exception>
    public static ImportInput Describe(string folder)
    {
        RemotePath.Refuse(folder);
        var root = Path.GetFullPath(folder);
        if (!Directory.Exists(root))
            throw new CorpusException(
                File.Exists(root) ? $"{root} is a file; name a folder" : $"the folder {root} does not exist; correct the path"
            );
        long images = 0;
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var image in FolderWalk.Images(root))
        {
            // A link to a file that is gone is a failure of its row.
            var bytes = ImportInput.Resolved(Path.Combine(root, image)) is { Exists: true } file ? file.Length : -1;
            hash.AppendData(Encoding.UTF8.GetBytes($"{image}\0{bytes}\n"));
            images++;
        }

        return images > 0
            ? new ImportInput(root, images, Convert.ToHexStringLower(hash.GetHashAndReset()))
            : throw new CorpusException($"the folder {root} and those below hold no image file");
    }
}
