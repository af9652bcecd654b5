using ClipTrain.Tests.Shared;
using ClipTrain.Weights.Tensors;

namespace ClipTrain.Weights.Tests;

/// <summary>Damaged files are rejected or read, without a crash or memory beyond the size of the file.</summary>
public sealed class WeightsFuzzTests : IDisposable
{
    private const int Mutations = 1500;
    private const long MaxAllocated = 1 << 24;
    private readonly TemporaryFolder _folder = new();

    [Theory]
    [InlineData("state.pt")]
    [InlineData("checkpoint.pt")]
    [InlineData("script.pt")]
    [InlineData("safetensors")]
    public void A_damaged_file_is_either_rejected_or_read(string name)
    {
        var whole = name == "safetensors" ? Safetensors() : File.ReadAllBytes(TorchFixture.Path(name));
        var random = new Random(5);
        var path = _folder.File("damaged");
        for (var i = 0; i < Mutations; i++)
        {
            var bytes = Damage(whole, random);
            File.WriteAllBytes(path, bytes);
            var before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                using var weights = WeightsFile.Open(path);
                foreach (var (tensor, shape) in weights.Shapes)
                {
                    ReadOne(weights, tensor, shape);
                }
            }
            catch (WeightsException)
            {
                // Rejected.
            }

            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, MaxAllocated);
        }
    }

    public void Dispose() => _folder.Dispose();

    private static void ReadOne(IWeights weights, string tensor, IReadOnlyList<long> shape)
    {
        try
        {
            weights.Read(tensor, new float[shape.Aggregate(1L, (product, size) => product * size)]);
        }
        catch (WeightsException)
        {
            // Integers are not weights, and a mutation may have produced some.
        }
    }

    private static byte[] Damage(byte[] whole, Random random)
    {
        var bytes = whole.ToArray();
        switch (random.Next(4))
        {
            case 0:
                return bytes[..random.Next(bytes.Length)];
            case 1:
                var (from, to) = (random.Next(bytes.Length), random.Next(bytes.Length));
                bytes.AsSpan(from, Math.Min(random.Next(64), bytes.Length - Math.Max(from, to))).CopyTo(bytes.AsSpan(to));
                return bytes;
            default:
                for (var count = random.Next(1, 6); count > 0; count--)
                {
                    bytes[random.Next(bytes.Length)] = random.Next(3) == 0 ? (byte)0xff : (byte)random.Next(256);
                }

                return bytes;
        }
    }

    private byte[] Safetensors()
    {
        WeightFiles.Write(
            _folder.File("whole"),
            [new("a", [3, 4], NumberType.Float32), new("b", [], NumberType.Float32), new("c", [7], NumberType.Float32)],
            1
        );
        return File.ReadAllBytes(_folder.File("whole"));
    }
}
