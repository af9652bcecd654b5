using ClipTrain.Trainer.Options;

namespace ClipTrain.Trainer.Config;

/// <summary>Changes a model's resolution: its image size or its patch size.</summary>
public static class ModelResolution
{
    /// <param name="model">The model.</param>
    /// <param name="size">Side of the image in pixels; null keeps it.</param>
    /// <param name="patch">Side of a patch in pixels; null keeps it. A given patch size also becomes the stride.</param>
    /// <exception cref="ConfigException">The sizes do not fit the model or each other.</exception>
    public static ModelOptions Of(ModelOptions model, int? size, int? patch)
    {
        foreach (var (option, value) in new[] { ("--image-size", size), ("--patch", patch) })
        {
            if (value < 1)
            {
                throw new ConfigException(new SourcePosition(option), $"is {value} but must be at least 1");
            }
        }

        var changed = Change(model, size, patch);
        ConfigError[] errors =
        [
            .. RunValidation
                .CheckModel(changed, "", _ => true)
                .Select(problem => new ConfigError(new SourcePosition("--image-size, --patch"), problem.Message)),
        ];
        return errors.Length == 0 ? changed : throw new ConfigException(errors);
    }

    /// <summary>The model with another patch size, or null if that does not fit.</summary>
    public static ModelOptions? TryOf(ModelOptions model, int patch)
    {
        var changed = patch == model.Image.Patch ? model : Change(model, null, patch);
        return RunValidation.CheckModel(changed, "", _ => true).Any() ? null : changed;
    }

    private static ModelOptions Change(ModelOptions model, int? size, int? patch) =>
        model with
        {
            Image = model.Image with
            {
                Size = size ?? model.Image.Size,
                Patch = patch ?? model.Image.Patch,
                Stride = patch is null ? model.Image.Stride : null,
            },
        };
}
