namespace ClipTrain.DataPipeline.Images;

/// <summary>
/// What makes levels of 0 to 255 the towers' input: (level / 255 − mean) / std, as level · factor + offset. The numbers are OpenAI's
/// CLIP's.
/// </summary>
/// <param name="Mean">Means of red, green and blue, of channels scaled to [0, 1].</param>
/// <param name="Std">Standard deviations of the same.</param>
public sealed record ImageNormalization(IReadOnlyList<float> Mean, IReadOnlyList<float> Std)
{
    public static ImageNormalization Clip { get; } = new([0.48145466f, 0.4578275f, 0.40821073f], [0.26862954f, 0.26130258f, 0.27577711f]);

    public float Factor(int channel) => (float)(1 / (255.0 * Std[channel]));

    public float Offset(int channel) => (float)(-(double)Mean[channel] / Std[channel]);
}
