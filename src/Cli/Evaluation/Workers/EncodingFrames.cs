using System.Runtime.InteropServices;
using ClipTrain.Evaluation.Datasets;

namespace ClipTrain.Cli.Evaluation.Workers;

/// <summary>
/// What an evaluation and its workers send each other: a kind and counted items one way, results the other way. Both ends are the same
/// build on the same machine.
/// </summary>
internal static class EncodingFrames
{
    internal const byte Images = 1,
        Texts = 2;

    public static EncodedImages Ask(BinaryWriter to, BinaryReader from, IReadOnlyList<byte[]> files)
    {
        to.Write(Images);
        to.Write(files.Count);
        foreach (var file in files)
        {
            to.Write(file.Length);
            to.Write(file);
        }

        to.Flush();
        var (problems, hashes) = (new string?[files.Count], new ulong[files.Count]);
        for (var i = 0; i < files.Count; i++)
        {
            problems[i] = from.ReadBoolean() ? from.ReadString() : null;
            hashes[i] = from.ReadUInt64();
        }

        return new EncodedImages(problems, hashes, ReadMatrix(from), ReadMatrix(from));
    }

    public static Matrix Ask(BinaryWriter to, BinaryReader from, IReadOnlyList<string> texts)
    {
        to.Write(Texts);
        to.Write(texts.Count);
        foreach (var text in texts)
        {
            to.Write(text);
        }

        to.Flush();
        return ReadMatrix(from);
    }

    public static byte[][] ReadFiles(BinaryReader from)
    {
        var files = new byte[from.ReadInt32()][];
        for (var i = 0; i < files.Length; i++)
        {
            files[i] = new byte[from.ReadInt32()];
            from.BaseStream.ReadExactly(files[i]);
        }

        return files;
    }

    public static string[] ReadTexts(BinaryReader from)
    {
        var texts = new string[from.ReadInt32()];
        for (var i = 0; i < texts.Length; i++)
        {
            texts[i] = from.ReadString();
        }

        return texts;
    }

    public static void Answer(BinaryWriter to, EncodedImages images)
    {
        foreach (var (problem, hash) in images.Problems.Zip(images.Hashes))
        {
            to.Write(problem is not null);
            if (problem is not null)
            {
                to.Write(problem);
            }

            to.Write(hash);
        }

        Answer(to, images.Embeddings);
        Answer(to, images.Features);
    }

    public static void Answer(BinaryWriter to, Matrix matrix)
    {
        to.Write(matrix.Rows);
        to.Write(matrix.Columns);
        to.Write(MemoryMarshal.AsBytes(matrix.Values));
        to.Flush();
    }

    private static Matrix ReadMatrix(BinaryReader from)
    {
        var matrix = new Matrix(from.ReadInt32(), from.ReadInt32());
        from.BaseStream.ReadExactly(MemoryMarshal.AsBytes(matrix.Values));
        return matrix;
    }
}
