using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace ClipTrain.Evaluation.Datasets;

/// <summary>
/// A cache of embedded sets in a folder. The key covers the model's weights, the transform, and the set with the names, sizes and times
/// of its files. Format: a version byte, the header's length (little-endian), a JSON header with the images, the embeddings, the
/// features (fp32).
/// </summary>
/// <param name="folder">The folder; null to cache in memory only.</param>
public sealed class FeatureCache(string? folder)
{
    private const byte Version = 1;

    private readonly Dictionary<string, EmbeddedSet> _held = new(StringComparer.Ordinal);

    /// <summary>The folder; null if there is none.</summary>
    public string? Folder => folder;

    /// <summary>Returns the embedded set from memory or disk, or computes and caches it.</summary>
    /// <exception cref="DataPipeline.Corpus.CorpusException">The set cannot be embedded.</exception>
    public EmbeddedSet Get(IEvaluatedModel model, SetOptions options, IImageSet set, int batch, IEmbeddingObserver observer)
    {
        var key = Key(model, Columns(options), set.Files);
        if (_held.TryGetValue(key, out var held))
        {
            return held;
        }

        var path = folder is null ? null : Path.Combine(folder, $"{key}.features");
        if (path is not null && Read(path) is { } stored)
        {
            observer.Cached(options.Name, stored.Images.Count);
            return _held[key] = stored;
        }

        var embedded = SetEmbedding.Embed(model, options.Name, set, batch, observer);
        if (path is not null)
        {
            Write(path, embedded);
        }

        return _held[key] = embedded;
    }

    /// <summary>Clears the memory cache, to make room for the next set.</summary>
    public void Release() => _held.Clear();

    /// <summary>Name for what a model makes of some files' images.</summary>
    /// <param name="model">The model.</param>
    /// <param name="columns">The columns that are read.</param>
    /// <param name="files">The files, whose sizes and times count too.</param>
    internal static string Key(IEvaluatedModel model, string columns, IEnumerable<string> files)
    {
        var text = new StringBuilder()
            .Append(model.WeightsHash)
            .Append('\n')
            .Append(model.Transform.ToString())
            .Append('\n')
            .Append(columns)
            .Append('\n');
        foreach (var file in files)
        {
            var info = new FileInfo(file);
            text.Append(CultureInfo.InvariantCulture, $"{info.FullName} {(info.Exists ? info.Length : 0)} {info.LastWriteTimeUtc.Ticks}\n");
        }

        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())))[..32];
    }

    private static string Columns(SetOptions options) =>
        string.Join(
            '|',
            options.ImageColumn,
            options.CaptionColumn,
            options.GroupBy,
            options.LabelColumn,
            options.GroupColumn,
            string.Join(',', options.Attributes)
        );

    private static void Write(string path, EmbeddedSet set)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        var header = JsonSerializer.SerializeToUtf8Bytes(new Header(set.Images, set.Embeddings.Columns, set.Features.Columns, set.LeftOut));
        // Two commands may write the same set at once, so each writes a temporary file.
        var aside = $"{path}.{Guid.NewGuid():N}.tmp";
        try
        {
            using (var file = File.Create(aside))
            {
                Span<byte> start = stackalloc byte[1 + sizeof(int)];
                start[0] = Version;
                BinaryPrimitives.WriteInt32LittleEndian(start[1..], header.Length);
                file.Write(start);
                file.Write(header);
                file.Write(MemoryMarshal.AsBytes(set.Embeddings.Values));
                file.Write(MemoryMarshal.AsBytes(set.Features.Values));
            }

            File.Move(aside, path, overwrite: true);
        }
        finally
        {
            File.Delete(aside);
        }
    }

    /// <summary>Reads a file; null if it is missing or incomplete, in which case it is written again.</summary>
    private static EmbeddedSet? Read(string path)
    {
        try
        {
            using var file = File.OpenRead(path);
            Span<byte> start = stackalloc byte[1 + sizeof(int)];
            file.ReadExactly(start);
            if (start[0] != Version)
            {
                return null;
            }

            var length = BinaryPrimitives.ReadInt32LittleEndian(start[1..]);
            if (length < 0 || length > file.Length)
            {
                return null;
            }

            var bytes = new byte[length];
            file.ReadExactly(bytes);
            var header = JsonSerializer.Deserialize<Header>(bytes)!;
            var expected = start.Length + length + ((long)sizeof(float) * header.Images.Count * (header.Embeddings + header.Features));
            if (header.Embeddings < 1 || header.Features < 1 || file.Length != expected)
            {
                return null;
            }

            var (embeddings, features) = (
                new Matrix(header.Images.Count, header.Embeddings),
                new Matrix(header.Images.Count, header.Features)
            );
            file.ReadExactly(MemoryMarshal.AsBytes(embeddings.Values));
            file.ReadExactly(MemoryMarshal.AsBytes(features.Values));
            return new EmbeddedSet(header.Images, embeddings, features, header.LeftOut);
        }
        catch (Exception e) when (e is IOException or JsonException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private sealed record Header(IReadOnlyList<SetImage> Images, int Embeddings, int Features, int LeftOut);
}
