using System.Runtime.InteropServices;
using Xunit.Abstractions;
using static ClipTrain.Torch.torch;

namespace ClipTrain.Torch.Tests;

/// <summary>The same transformer block, loss and optimizer steps as Python/transformer_block.py, with the same numbers.</summary>
public sealed class PythonParityTests(ITestOutputHelper output)
{
    private const long Width = 32;
    private const long Heads = 4;
    private const long Length = 10;
    private const long Batch = 6;
    private const long Hidden = 64;
    private const long Classes = 11;

    private static readonly (string Name, long[] Shape)[] s_parameters =
    [
        ("ln1.weight", [Width]), ("ln1.bias", [Width]),
        ("qkv.weight", [3 * Width, Width]), ("qkv.bias", [3 * Width]),
        ("out.weight", [Width, Width]), ("out.bias", [Width]),
        ("ln2.weight", [Width]), ("ln2.bias", [Width]),
        ("up.weight", [Hidden, Width]), ("up.bias", [Hidden]),
        ("down.weight", [Width, Hidden]), ("down.bias", [Width]),
        ("head.weight", [Classes, Width]),
    ];

    [Fact]
    public void Loss_gradients_and_optimizer_steps_agree_with_PyTorch()
    {
        string folder = Directory.CreateTempSubdirectory("cliptrain-parity-").FullName;
        using DisposeScope scope = NewDisposeScope();
        using var threads = new ThreadCount(1);
        try
        {
            using var generator = new Generator(1);
            Tensor x = randn([Batch, Length, Width], generator: generator);
            Write(folder, "x", x);
            Dictionary<string, Tensor> p = new(StringComparer.Ordinal);
            foreach ((string name, long[] shape) in s_parameters)
            {
                Tensor value = randn(shape, generator: generator) * 0.2;
                Tensor weight = name.StartsWith("ln", StringComparison.Ordinal) && name.EndsWith("weight", StringComparison.Ordinal) ? value + 1 : value;
                Write(folder, name, weight);
                p[name] = weight.requires_grad_();
            }

            PythonPeer.Run("transformer_block.py", folder);
            Tensor loss = Loss(x, p);
            loss.backward();

            Compare(folder, "loss", loss.detach().reshape(1), 1e-6);
            foreach ((string name, Tensor tensor) in p)
            {
                Compare(folder, name + ".grad", tensor.grad!, 1e-6);
            }

            Tensor param = p["up.weight"].detach().clone().flatten();
            Tensor grad = p["up.weight"].grad!.flatten();
            Tensor expAvg = zeros_like(param);
            Tensor expAvgSq = zeros_like(param);
            for (int step = 1; step <= 3; step++)
            {
                optim.adamw_(param, grad, expAvg, expAvgSq, null, 1, 1e-3, 0.9, 0.98, 1e-6, 0.2, step);
            }

            Compare(folder, "up.weight.adamw", param, 1e-6);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static Tensor Loss(Tensor x_BLW, Dictionary<string, Tensor> p)
    {
        Tensor h = nn.functional.layer_norm(x_BLW, [Width], p["ln1.weight"], p["ln1.bias"]);
        Tensor qkv = nn.functional.linear(h, p["qkv.weight"], p["qkv.bias"]);
        Tensor[] qkv_BHLE = qkv.reshape(Batch, Length, 3, Heads, Width / Heads).permute(2, 0, 3, 1, 4).unbind(0);
        Tensor attention = (qkv_BHLE[0] * Math.Pow(Width / Heads, -0.5)).matmul(qkv_BHLE[1].transpose(-2, -1)).softmax(-1);
        Tensor mixed = attention.matmul(qkv_BHLE[2]).transpose(1, 2).reshape(Batch, Length, Width);
        Tensor x = x_BLW + nn.functional.linear(mixed, p["out.weight"], p["out.bias"]);
        h = nn.functional.layer_norm(x, [Width], p["ln2.weight"], p["ln2.bias"]);
        h = nn.functional.gelu(nn.functional.linear(h, p["up.weight"], p["up.bias"]));
        x += nn.functional.linear(h, p["down.weight"], p["down.bias"]);
        Tensor features = normalize(x.mean(1));
        return nn.functional.cross_entropy(nn.functional.linear(features, p["head.weight"]) * 10, arange(Batch));
    }

    private static void Write(string folder, string name, Tensor tensor) =>
        File.WriteAllBytes(Path.Combine(folder, name + ".f32"), MemoryMarshal.AsBytes(tensor.AsSpan<float>()));

    // The largest difference, relative to the tensor's largest element.
    private void Compare(string folder, string name, Tensor actual, double tolerance)
    {
        byte[] theirs = File.ReadAllBytes(Path.Combine(folder, name + ".f32"));
        Tensor expected = tensor(MemoryMarshal.Cast<byte, float>(theirs), actual.shape);
        double difference = ((actual - expected).abs().max() / expected.abs().max()).item<double>();
        output.WriteLine($"{name}: {(actual.equal(expected) ? "bitwise equal" : $"{difference:E1}")}");
        Assert.InRange(difference, 0, tolerance);
    }
}
