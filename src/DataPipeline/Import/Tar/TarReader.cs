using System.IO.Compression;
using System.Text;
using ClipTrain.DataPipeline.Corpus;

namespace ClipTrain.DataPipeline.Import.Tar;

/// <summary>
/// Reads the members of a tar archive, plain or gzip, sequentially: ustar, GNU long names, pax. Unlike the platform's reader it reports
/// at which byte an archive is damaged and never allocates more than is requested, whatever a header claims.
/// </summary>
internal sealed class TarReader : IDisposable
{
    private const int MaxHeaderText = 1 << 20;

    private readonly FileStream _file;
    private readonly Stream _archive;
    private readonly byte[] _block = new byte[TarHeader.Bytes];
    private readonly byte[] _scratch = new byte[64 << 10];
    private long _position,
        _unread;

    /// <exception cref="IOException">The file cannot be opened.</exception>
    public TarReader(string path)
    {
        RegularFile.Require(path);
        _file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 256 << 10, FileOptions.SequentialScan);
        Span<byte> magic = stackalloc byte[2];
        var isGzip = _file.ReadAtLeast(magic, magic.Length, throwOnEndOfStream: false) == magic.Length && magic is [0x1F, 0x8B];
        _file.Position = 0;
        _archive = isGzip ? new GZipStream(_file, CompressionMode.Decompress) : _file;
    }

    /// <summary>Bytes of the file read so far.</summary>
    public long Position => _file.Position;

    /// <summary>Moves to the next regular file; null at the end of the archive.</summary>
    /// <exception cref="ImportRowException">The archive is damaged or truncated.</exception>
    public TarHeader? Next()
    {
        string? name = null;
        long? size = null;
        while (true)
        {
            Skip(_unread);
            var start = _position;
            var got = ReadUpTo(_block);
            if (got < _block.Length)
            {
                throw Truncated(
                    got == 0 ? "the two empty blocks at the end of an archive are missing" : "the archive ends inside a header"
                );
            }

            if (!_block.AsSpan().ContainsAnyExcept((byte)0))
            {
                if (!SkipZeros())
                {
                    return null;
                }

                start = _position - _block.Length;
            }

            if (TarHeader.Parse(_block) is not { } header)
            {
                throw new ImportRowException("damaged shard", $"no valid tar header at byte {start}; the rest cannot be read");
            }
            // Contents are padded to whole blocks.
            var unread = size is { } real && header.IsFile ? real : header.Size;
            _unread = unread + (-unread & (TarHeader.Bytes - 1));
            switch (header.Type)
            {
                case 'L':
                    name = TarHeader.Text(ReadHeaderText(header));
                    break;
                case 'x':
                    foreach (var (key, value) in PaxRecords(ReadHeaderText(header), start))
                    {
                        (name, size) = key == "path" ? (value, size) : (name, PaxSize(value, start));
                    }

                    break;
                case 'g' or 'K':
                    break;
                default:
                    if (header.IsFile)
                    {
                        return header with { Name = name ?? header.Name, Size = unread };
                    }

                    (name, size) = (null, null);
                    break;
            }
        }
    }

    /// <summary>The contents of the current file.</summary>
    /// <exception cref="ImportRowException">The archive ends inside the file.</exception>
    public byte[] Read(TarHeader header)
    {
        var content = new byte[header.Size];
        if (ReadUpTo(content) < content.Length)
        {
            throw Truncated($"the archive ends inside {header.Name}");
        }

        _unread -= content.Length;
        return content;
    }

    public void Dispose()
    {
        _archive.Dispose();
        _file.Dispose();
    }

    private byte[] ReadHeaderText(TarHeader header) =>
        header.Size <= MaxHeaderText
            ? Read(header)
            : throw new ImportRowException("damaged shard", $"a header before byte {_position} claims {header.Size} bytes of text");

    /// <summary>
    /// Records of the form "LENGTH KEY=VALUE\n", where LENGTH is that of the whole record (POSIX.1-2001, pax). Only path and size are
    /// used.
    /// </summary>
    private static IEnumerable<(string Key, string Value)> PaxRecords(byte[] text, long start)
    {
        var rest = text.AsMemory();
        while (rest.Length > 0)
        {
            var space = rest.Span.IndexOf((byte)' ');
            if (
                space < 1
                || !int.TryParse(rest.Span[..space], System.Globalization.NumberStyles.None, provider: null, out var length)
                || length <= space + 1
                || length > rest.Length
            )
            {
                throw new ImportRowException("damaged shard", $"the pax header at byte {start} is invalid");
            }

            var record = Encoding.UTF8.GetString(rest.Span[(space + 1)..(length - 1)]);
            rest = rest[length..];
            if (record.StartsWith("path=", StringComparison.Ordinal) || record.StartsWith("size=", StringComparison.Ordinal))
            {
                yield return (record[..4], record[5..]);
            }
        }
    }

    private static long PaxSize(string value, long start) =>
        long.TryParse(value, System.Globalization.NumberStyles.None, provider: null, out var size) && size < 1L << 60
            ? size
            : throw new ImportRowException("damaged shard", $"the pax header at byte {start} has the size {value}");

    /// <summary>
    /// Skips zero blocks, which end an archive or separate concatenated archives (as GNU tar reads with --ignore-zeros). True if a nonzero
    /// block has been read.
    /// </summary>
    private bool SkipZeros()
    {
        while (ReadUpTo(_block) is var got && got > 0)
        {
            if (!_block.AsSpan(0, got).ContainsAnyExcept((byte)0))
            {
                continue;
            }

            return got == _block.Length
                ? true
                : throw new ImportRowException(
                    "damaged shard",
                    $"{got} bytes after its end, at byte {_position - got}, are not a tar archive"
                );
        }

        return false;
    }

    private void Skip(long bytes)
    {
        var left = bytes;
        while (left > 0)
        {
            var part = (int)Math.Min(left, _scratch.Length);
            if (ReadUpTo(_scratch.AsSpan(0, part)) < part)
            {
                throw Truncated("the archive ends inside a file");
            }

            left -= part;
        }

        _unread = 0;
    }

    private int ReadUpTo(Span<byte> target)
    {
        try
        {
            var got = _archive.ReadAtLeast(target, target.Length, throwOnEndOfStream: false);
            _position += got;
            return got;
        }
        catch (InvalidDataException e)
        {
            throw new ImportRowException(
                "damaged shard",
                $"its gzip data is damaged after byte {_position} of the archive ({e.Message})",
                e
            );
        }
        catch (IOException e)
        {
            throw new ImportRowException("unreadable shard", e.Message, e);
        }
    }

    private ImportRowException Truncated(string how) =>
        new("truncated shard", $"{how}, after {_position} bytes; copy or download it again");
}
