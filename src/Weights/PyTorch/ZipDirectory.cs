using System.Buffers.Binary;
using System.Text;
using ClipTrain.Weights.Tensors;
using Microsoft.Win32.SafeHandles;

namespace ClipTrain.Weights.PyTorch;

/// <summary>A file in a ZIP archive.</summary>
/// <param name="Header">Offset of its local header.</param>
/// <param name="Length">Size in bytes, as stored in the archive.</param>
/// <param name="IsStored">True if it is neither compressed nor encrypted.</param>
internal sealed record ZipEntry(string Name, long Header, long Length, bool IsStored);

/// <summary>
/// The central directory of a ZIP archive (APPNOTE 6.3.9, with ZIP64). Unlike the runtime's own reader it exposes file offsets, so
/// tensors are read from the archive directly into place.
/// </summary>
internal sealed class ZipDirectory
{
    private const uint EndSignature = 0x06054b50,
        End64Signature = 0x06064b50,
        Locator64Signature = 0x07064b50,
        EntrySignature = 0x02014b50,
        LocalSignature = 0x04034b50;
    private const int EndBytes = 22,
        Locator64Bytes = 20,
        End64Bytes = 56,
        EntryBytes = 46,
        LocalBytes = 30,
        MaxComment = 0xffff;
    private const long MaxDirectoryBytes = 1 << 26;

    private readonly SafeFileHandle _file;
    private readonly string _path;
    private readonly long _length;
    private readonly Dictionary<string, ZipEntry> _entries = new(StringComparer.Ordinal);

    /// <exception cref="WeightsException">The archive is malformed.</exception>
    public ZipDirectory(SafeFileHandle file, string path)
    {
        (_file, _path, _length) = (file, path, RandomAccess.GetLength(file));
        var (start, size) = Find();
        if (start < 0 || size < 0 || size > MaxDirectoryBytes || start > _length - size)
        {
            throw Malformed("its directory lies outside the file");
        }

        var directory = Bytes(start, (int)size);
        var at = 0;
        while (at < directory.Length)
        {
            at = ReadEntry(directory, at);
        }
    }

    public IReadOnlyDictionary<string, ZipEntry> Entries => _entries;

    /// <summary>Offset of an entry's first byte.</summary>
    /// <exception cref="WeightsException">The entry is compressed, or lies outside the archive.</exception>
    public long DataOffset(ZipEntry entry)
    {
        if (!entry.IsStored)
        {
            throw new WeightsException(
                $"{_path}: its part '{entry.Name}' is compressed or encrypted, which torch.save never does. Save the weights again with "
                    + "torch.save."
            );
        }

        if (entry.Header > _length - LocalBytes)
        {
            throw Malformed($"the part '{entry.Name}' lies outside the file");
        }

        var local = Bytes(entry.Header, LocalBytes);
        var data =
            entry.Header
            + LocalBytes
            + BinaryPrimitives.ReadUInt16LittleEndian(local.AsSpan(26))
            + BinaryPrimitives.ReadUInt16LittleEndian(local.AsSpan(28));
        return BinaryPrimitives.ReadUInt32LittleEndian(local) == LocalSignature && data <= _length - entry.Length
            ? data
            : throw Malformed($"the part '{entry.Name}' is not where its directory says");
    }

    /// <summary>Offset and size of the central directory, from the record at the end of the archive.</summary>
    private (long Start, long Size) Find()
    {
        var tail = Bytes(Math.Max(0, _length - EndBytes - MaxComment), (int)Math.Min(_length, EndBytes + MaxComment));
        var tailStart = _length - tail.Length;
        for (var at = tail.Length - EndBytes; at >= 0; at--)
        {
            var end = tail.AsSpan(at);
            if (
                BinaryPrimitives.ReadUInt32LittleEndian(end) != EndSignature
                || BinaryPrimitives.ReadUInt16LittleEndian(end[20..]) != end.Length - EndBytes
            )
            {
                continue;
            }

            var (size, start) = (BinaryPrimitives.ReadUInt32LittleEndian(end[12..]), BinaryPrimitives.ReadUInt32LittleEndian(end[16..]));
            var locator = tailStart + at - Locator64Bytes;
            return (size == uint.MaxValue || start == uint.MaxValue) && locator >= 0 ? Find64(locator) : (start, size);
        }

        throw Malformed("it has no directory at its end; it was truncated");
    }

    private (long Start, long Size) Find64(long locator)
    {
        var place = Bytes(locator, Locator64Bytes);
        var record = BinaryPrimitives.ReadInt64LittleEndian(place.AsSpan(8));
        if (BinaryPrimitives.ReadUInt32LittleEndian(place) != Locator64Signature || record < 0 || record > _length - End64Bytes)
        {
            throw Malformed("its ZIP64 record is missing");
        }

        var end = Bytes(record, End64Bytes);
        return BinaryPrimitives.ReadUInt32LittleEndian(end) == End64Signature
            ? (BinaryPrimitives.ReadInt64LittleEndian(end.AsSpan(48)), BinaryPrimitives.ReadInt64LittleEndian(end.AsSpan(40)))
            : throw Malformed("its ZIP64 record is missing");
    }

    /// <summary>Adds the entry at an offset of the directory. Returns the offset of the next entry.</summary>
    private int ReadEntry(ReadOnlySpan<byte> directory, int at)
    {
        var entry = directory[at..];
        if (entry.Length < EntryBytes || BinaryPrimitives.ReadUInt32LittleEndian(entry) != EntrySignature)
        {
            throw Malformed("its directory is truncated");
        }

        int nameBytes = BinaryPrimitives.ReadUInt16LittleEndian(entry[28..]),
            extraBytes = BinaryPrimitives.ReadUInt16LittleEndian(entry[30..]);
        var bytes = EntryBytes + nameBytes + extraBytes + BinaryPrimitives.ReadUInt16LittleEndian(entry[32..]);
        if (bytes > entry.Length)
        {
            throw Malformed("its directory is truncated");
        }

        var extra = Extra64(entry.Slice(EntryBytes + nameBytes, extraBytes));
        var full = Wide(BinaryPrimitives.ReadUInt32LittleEndian(entry[24..]), ref extra);
        var length = Wide(BinaryPrimitives.ReadUInt32LittleEndian(entry[20..]), ref extra);
        var header = Wide(BinaryPrimitives.ReadUInt32LittleEndian(entry[42..]), ref extra);
        var name = Encoding.UTF8.GetString(entry.Slice(EntryBytes, nameBytes));
        if (length < 0 || header < 0)
        {
            throw Malformed($"the part '{name}' lies outside the file");
        }

        var stored = BinaryPrimitives.ReadUInt16LittleEndian(entry[10..]) == 0 && (entry[8] & 1) == 0 && full == length;
        if (!_entries.TryAdd(name, new ZipEntry(name, header, length, stored)))
        {
            throw Malformed($"the part '{name}' occurs twice");
        }

        return at + bytes;
    }

    /// <summary>The ZIP64 field among an entry's extra fields; empty if there is none.</summary>
    private static ReadOnlySpan<byte> Extra64(ReadOnlySpan<byte> extra)
    {
        while (extra.Length >= 4)
        {
            var size = BinaryPrimitives.ReadUInt16LittleEndian(extra[2..]);
            if (size > extra.Length - 4)
            {
                break;
            }

            if (BinaryPrimitives.ReadUInt16LittleEndian(extra) == 1)
            {
                return extra.Slice(4, size);
            }

            extra = extra[(4 + size)..];
        }

        return [];
    }

    private long Wide(uint value, ref ReadOnlySpan<byte> extra)
    {
        if (value != uint.MaxValue)
        {
            return value;
        }

        if (extra.Length < 8)
        {
            throw Malformed("its directory lacks a ZIP64 field");
        }

        var wide = BinaryPrimitives.ReadInt64LittleEndian(extra);
        extra = extra[8..];
        return wide;
    }

    private byte[] Bytes(long offset, int count)
    {
        var bytes = new byte[count];
        NumberReader.ReadBytes(_file, _path, offset, bytes);
        return bytes;
    }

    private WeightsException Malformed(string why) => new($"{_path}: is not a valid ZIP archive: {why}.");
}
