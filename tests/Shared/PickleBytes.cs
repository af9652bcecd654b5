using System.IO.Compression;
using System.Text;

namespace ClipTrain.Tests.Shared;

/// <summary>Pickles made by hand, to say in them what PyTorch never would.</summary>
internal sealed class PickleBytes
{
    private readonly List<byte> _pickle = [0x80, 2];

    public PickleBytes Op(params ReadOnlySpan<byte> bytes)
    {
        _pickle.AddRange(bytes);
        return this;
    }

    public PickleBytes Op(char opcode) => Op((byte)opcode);

    public PickleBytes Text(string text) =>
        Op('X').Op(BitConverter.GetBytes(Encoding.UTF8.GetByteCount(text))).Op(Encoding.UTF8.GetBytes(text));

    public PickleBytes Integer(long value) => Op(0x8a, 8).Op(BitConverter.GetBytes(value));

    public PickleBytes Global(string module, string name) => Op('c').Op(Encoding.ASCII.GetBytes($"{module}\n{name}\n"));

    public PickleBytes Sizes(params long[] sizes)
    {
        Op('(');
        foreach (var size in sizes)
        {
            Integer(size);
        }

        return Op('t');
    }

    /// <summary>torch._utils._rebuild_tensor_v2 on fp32 storage '0'.</summary>
    public PickleBytes Tensor(long numbers, long offset, long[] shape, long[] strides) =>
        Global("torch._utils", "_rebuild_tensor_v2")
            .Op('(')
            .Op('(')
            .Text("storage")
            .Global("torch", "FloatStorage")
            .Text("0")
            .Text("cpu")
            .Integer(numbers)
            .Op('t')
            .Op('Q')
            .Integer(offset)
            .Sizes(shape)
            .Sizes(strides)
            .Op(0x89)
            .Op('}')
            .Op('t')
            .Op('R');

    /// <summary>An archive of the pickle and of a storage '0' of so many bytes.</summary>
    public string Save(string path, int storageBytes = 48)
    {
        using var archive = ZipFile.Open(path, ZipArchiveMode.Create);
        Entry(archive, "archive/data.pkl", [.. _pickle, (byte)'.']);
        Entry(archive, "archive/data/0", new byte[storageBytes]);
        return path;
    }

    private static void Entry(ZipArchive archive, string name, byte[] bytes)
    {
        using var stream = archive.CreateEntry(name, CompressionLevel.NoCompression).Open();
        stream.Write(bytes);
    }
}
