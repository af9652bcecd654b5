using System.Runtime.Intrinsics;

namespace ClipTrain.DataPipeline.Images;

/// <summary>8-bit RGBX to fp32 planes: (value / 255 − mean) / std, as one multiply and one add.</summary>
internal sealed unsafe class ChwNormalizer
{
    private readonly float[] _factor = new float[3], _offset = new float[3];

    public ChwNormalizer(IReadOnlyList<float> mean, IReadOnlyList<float> std)
    {
        for (var c = 0; c < 3; c++)
        {
            _factor[c] = (float)(1 / (255.0 * std[c]));
            _offset[c] = (float)(-(double)mean[c] / std[c]);
        }
    }

    /// <summary>Writes three planes of <paramref name="pixels"/> values each: [3, pixels].</summary>
    public void Normalize(byte* rgbx, int pixels, Span<float> chw)
    {
        fixed (float* planes = chw)
        {
            for (var c = 0; c < 3; c++)
                Plane((uint*)rgbx, 8 * c, pixels, _factor[c], _offset[c], planes + ((long)c * pixels));
        }
    }

    private static void Plane(uint* rgbx, int shift, int pixels, float factor, float offset, float* plane)
    {
        var i = 0;
        var mask = Vector256.Create(0xFFu);
        Vector256<float> factors = Vector256.Create(factor), offsets = Vector256.Create(offset);
        for (; i + Vector256<float>.Count <= pixels; i += Vector256<float>.Count)
        {
            var values = ((Vector256.Load(rgbx + i) >>> shift) & mask).AsInt32();
            ((Vector256.ConvertToSingle(values) * factors) + offsets).Store(plane + i);
        }

        for (; i < pixels; i++)
            plane[i] = ((rgbx[i] >> shift & 0xFF) * factor) + offset;
    }
}
