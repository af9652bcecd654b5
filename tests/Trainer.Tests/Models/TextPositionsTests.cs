using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Options;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Tests.Models;

public class TextPositionsTests
{
    private static readonly float[] s_table =
    [
        0,
        0.30000001192092896f,
        0.10000000149011612f,
        -0.10000000149011612f,
        0.4000000059604645f,
        -0.30000001192092896f,
        0.8999999761581421f,
        -0.30000001192092896f,
    ];

    /// <summary>torch.nn.functional.interpolate(…, size, mode='linear', align_corners=False) of the table's four rows.</summary>
    public static TheoryData<int, float[]> Stretched =>
        new()
        {
            {
                7,
                [
                    0,
                    0.30000001192092896f,
                    0.035714291036129f,
                    0.15714283287525177f,
                    0.09285714477300644f,
                    -0.071428582072258f,
                    0.2500000298023224f,
                    -0.20000001788139343f,
                    0.43571436405181885f,
                    -0.30000001192092896f,
                    0.721428632736206f,
                    -0.30000001192092896f,
                    0.8999999761581421f,
                    -0.30000001192092896f,
                ]
            },
            {
                9,
                [
                    0,
                    0.30000001192092896f,
                    0.01666666753590107f,
                    0.23333333432674408f,
                    0.06111111119389534f,
                    0.0555555634200573f,
                    0.11666666716337204f,
                    -0.1111111119389534f,
                    0.25f,
                    -0.20000000298023224f,
                    0.38333332538604736f,
                    -0.2888889014720917f,
                    0.5944444537162781f,
                    -0.30000001192092896f,
                    0.8166666626930237f,
                    -0.30000001192092896f,
                    0.8999999761581421f,
                    -0.30000001192092896f,
                ]
            },
        };

    [Theory]
    [MemberData(nameof(Stretched))]
    public void A_longer_context_is_interpolated_like_open_clip(int rows, float[] expected)
    {
        var stretched = new float[rows * 2];
        TextPositions.Resize(s_table, stretched, 2);
        Assert.All(expected.Zip(stretched), pair => Assert.Equal(pair.First, pair.Second, 1e-6f));
    }

    [Fact]
    public void A_shorter_context_encodes_captions_that_fit_identically()
    {
        var shorter = TinyClip.Model with { Text = TinyClip.Model.Text with { Context = 12 } };
        using var guard = no_grad();
        using var whole = new ClipModel(TinyClip.Model, Precision.Fp32, 3);
        using var cut = new ClipModel(shorter, Precision.Fp32, 4);
        foreach (var spec in cut.Parameters.Specs)
        {
            if (spec.Name == TextPositions.Name)
            {
                TextPositions.Resize(
                    whole.Parameters[spec.Name].AsSpan<float>(),
                    cut.Parameters[spec.Name].AsSpan<float>(),
                    (int)spec.Shape[1]
                );
            }
            else
            {
                cut.Parameters[spec.Name].copy_(whole.Parameters[spec.Name]);
            }
        }

        var (tokens, ends) = (tensor(new long[] { 5, 9, 2, 95, 0, 0, 0, 0, 0, 0, 0, 0 }, [1, 12]), tensor(new long[] { 3 }));
        var padded = cat([tokens, zeros([1, 8], int64)], 1);
        Assert.True(cut.EncodeText(tokens, ends, 3).IsSame(whole.EncodeText(padded, ends, 3)));
    }
}
