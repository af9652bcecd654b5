using System.Formats.Tar;
using System.Globalization;
using System.Text;
using ClipTrain.DataPipeline.Corpus;

namespace ClipTrain.DataPipeline.Import.Export;

/// <summary>Progress of an export.</summary>
/// <param name="Rows">Rows processed, of <see cref="CorpusManifest.SampleCount"/>.</param>
/// <param name="Written">Samples written.</param>
/// <param name="Shards">Archives finished.</param>
public readonly record struct ExportProgress(long Rows, long Written, int Shards);

/// <summary>
/// Writes a corpus as webdataset shards. Each sample has an image, a <c>.txt</c> with the captions, one per line, and a <c>.json</c>
/// with all other columns and, if there are several, the captions. Reproducible byte for byte. An archive appears under its name only
/// when all of it is on disk.
/// </summary>
/// <param name="manifest">The corpus.</param>
/// <param name="directory">Folder of the archives; created if it does not exist.</param>
/// <param name="shardRows">Samples per archive, except the last.</param>
public sealed class TarExport(CorpusManifest manifest, string directory, int shardRows)
{
    /// <summary>Exports all samples.</summary>
    /// <returns>The final counts; rows without an image, or with a caption that is not UTF-8, are skipped.</returns>
    /// <exception cref="ImportRefusedException">The folder already contains tar files.</exception>
    /// <exception cref="CorpusException">The corpus cannot be read.</exception>
    public ExportProgress Run(IProgress<ExportProgress>? progress = null, CancellationToken cancellation = default)
    {
        Directory.CreateDirectory(directory);
        if (Directory.EnumerateFiles(directory, "*.tar").FirstOrDefault() is { } file)
        {
            throw new ImportRefusedException(
                $"{file} is in the way: the folder already contains shards; remove them or choose another folder"
            );
        }

        var done = default(ExportProgress);
        using var reader = new ExportReader(manifest);
        Shard? shard = null;
        try
        {
            foreach (var row in reader.Rows())
            {
                cancellation.ThrowIfCancellationRequested();
                done = done with { Rows = done.Rows + 1 };
                if (row.Image.Length > 0)
                {
                    shard ??= new Shard(Path.Combine(directory, done.Shards.ToString("D6", CultureInfo.InvariantCulture) + ".tar"));
                    shard.Add(row, done.Written);
                    done = done with { Written = done.Written + 1 };
                    if (shard.Samples == shardRows)
                    {
                        done = Finish(done, ref shard);
                    }
                }

                progress?.Report(done);
            }

            return shard is null ? done : Finish(done, ref shard);
        }
        finally
        {
            shard?.Dispose();
        }
    }

    private static ExportProgress Finish(ExportProgress done, ref Shard? shard)
    {
        shard!.Complete();
        shard = null;
        return done with { Shards = done.Shards + 1 };
    }

    /// <summary>One archive, written under a temporary name.</summary>
    private sealed class Shard : IDisposable
    {
        private readonly string _path,
            _temporary;
        private readonly FileStream _output;
        private readonly TarWriter _tar;
        private readonly SampleKeys _keys = new();

        public Shard(string path)
        {
            (_path, _temporary) = (path, path + ".tmp");
            _output = new FileStream(_temporary, FileMode.Create, FileAccess.Write);
            _tar = new TarWriter(_output, TarEntryFormat.Gnu, leaveOpen: true);
        }

        public int Samples { get; private set; }

        public void Add(ExportRow row, long index)
        {
            var (key, extension) = _keys.Next(row, index);
            Add($"{key}.{extension}", row.Image);
            if (row.Captions.Count > 0)
            {
                Add(
                    $"{key}.txt",
                    Encoding.UTF8.GetBytes(
                        row.Captions is [var only] ? only : string.Join('\n', row.Captions.Select(text => text.ReplaceLineEndings(" ")))
                    )
                );
            }

            Add($"{key}.json", row.Json);
            Samples++;
        }

        public void Complete()
        {
            _tar.Dispose();
            _output.Flush(flushToDisk: true);
            _output.Dispose();
            File.Move(_temporary, _path, overwrite: true);
        }

        public void Dispose()
        {
            _tar.Dispose();
            _output.Dispose();
            File.Delete(_temporary);
        }

        // Time, owner and permissions are fixed, so that the bytes depend only on the corpus.
        private void Add(string name, byte[] content) =>
            _tar.WriteEntry(
                new GnuTarEntry(TarEntryType.RegularFile, name)
                {
                    ModificationTime = DateTimeOffset.UnixEpoch,
                    Mode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead,
                    DataStream = new MemoryStream(content, writable: false),
                }
            );
    }
}
