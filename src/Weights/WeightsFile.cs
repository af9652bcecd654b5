using ClipTrain.DataPipeline.Corpus;
using ClipTrain.Weights.PyTorch;
using ClipTrain.Weights.Safetensors;
using ClipTrain.Weights.Tensors;

namespace ClipTrain.Weights;

/// <summary>Opens weights files by their contents, regardless of name: safetensors, an index of shards, or PyTorch.</summary>
public static class WeightsFile
{
    /// <exception cref="WeightsException">The file is missing, malformed, of another kind, or would have to run code.</exception>
    public static IWeights Open(string path)
    {
        try
        {
            RegularFile.Require(path);
        }
        catch (IOException error)
        {
            throw new WeightsException(error.Message, error);
        }

        Span<byte> begin = stackalloc byte[16];
        int count;
        using (var file = NumberReader.Open(path))
        {
            count = RandomAccess.Read(file, begin, 0);
        }

        var head = begin[..count];
        if (head.StartsWith("PK\u0003\u0004"u8))
        {
            return new TorchFile(path);
        }

        if (head is [0x80, >= 2 and <= 5, ..])
        {
            throw new WeightsException(
                $"{path}: is a bare pickle, as PyTorch wrote before 1.6. Convert it in Python: "
                    + $"torch.save(torch.load('{System.IO.Path.GetFileName(path)}', map_location='cpu', weights_only=True), "
                    + "'converted.pt')."
            );
        }

        // safetensors begins with the header's length in eight bytes, then the header, a JSON object.
        return head is [(byte)'{', ..] && head is not [_, _, _, _, _, _, _, _, (byte)'{', ..]
            ? new ShardedWeights(path)
            : new SafetensorsFile(path);
    }
}
