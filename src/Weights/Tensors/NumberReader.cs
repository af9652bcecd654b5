using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace ClipTrain.Weights.Tensors;

/// <summary>
/// Reads numbers that lie in a row in a file, as fp32, into memory that the caller has: no copy of a tensor is made on the way.
/// </summary>
internal static class NumberReader
{
    private const int ChunkNumbers = 1 << 18;

    /// <exception cref="WeightsException">The file ends before the numbers do, or cannot be read.</exception>
    public static void Read(SafeFileHandle file, string path, long offset, NumberType type, Span<float> destination)
    {
        if (type == NumberType.Float32)
        {
            ReadBytes(file, path, offset, MemoryMarshal.AsBytes(destination));
            return;
        }

        var bytes = type.Bytes();
        var chunk = new byte[(int)Math.Min(ChunkNumbers, destination.Length) * bytes];
        while (!destination.IsEmpty)
        {
            var count = Math.Min(ChunkNumbers, destination.Length);
            ReadBytes(file, path, offset, chunk.AsSpan(0, count * bytes));
            NumberConversion.Widen(chunk.AsSpan(0, count * bytes), type, destination[..count]);
            destination = destination[count..];
            offset += (long)count * bytes;
        }
    }

    /// <exception cref="WeightsException">The file ends before the bytes do, or cannot be read.</exception>
    public static void ReadBytes(SafeFileHandle file, string path, long offset, Span<byte> destination)
    {
        try
        {
            while (!destination.IsEmpty)
            {
                var count = RandomAccess.Read(file, destination, offset);
                if (count == 0)
                    throw new WeightsException($"{path}: ends where numbers should be; it was cut short while it was read.");
                destination = destination[count..];
                offset += count;
            }
        }
        catch (IOException error)
        {
            throw new WeightsException($"{path}: cannot be read: {error.Message}", error);
        }
    }

    /// <exception cref="WeightsException">There is no such file, or it may not be read.</exception>
    public static SafeFileHandle Open(string path)
    {
        try
        {
            return File.OpenHandle(path, options: FileOptions.SequentialScan);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new WeightsException($"{path}: cannot be read: {error.Message}", error);
        }
    }
}
