using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace ClipTrain.Weights.Tensors;

/// <summary>Reads contiguous numbers of a file as fp32 into the caller's memory, without an intermediate copy of the tensor.</summary>
internal static class NumberReader
{
    private const int ChunkNumbers = 1 << 18;

    /// <exception cref="WeightsException">The file is too short, or cannot be read.</exception>
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

    /// <exception cref="WeightsException">The file is too short, or cannot be read.</exception>
    public static void ReadBytes(SafeFileHandle file, string path, long offset, Span<byte> destination)
    {
        try
        {
            while (!destination.IsEmpty)
            {
                var count = RandomAccess.Read(file, destination, offset);
                if (count == 0)
                {
                    throw new WeightsException($"{path}: ends before its last tensor does; it was truncated while being read.");
                }

                destination = destination[count..];
                offset += count;
            }
        }
        catch (IOException error)
        {
            throw new WeightsException($"{path}: cannot be read: {error.Message}", error);
        }
    }

    /// <exception cref="WeightsException">The file does not exist, or is not readable.</exception>
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
