using static ClipTrain.Torch.torch;

namespace ClipTrain.Torch.Tests;

public sealed class ModuleTests
{
    [Fact]
    public void Parameters_are_named_by_their_path_in_the_order_of_registration()
    {
        using var net = new Net();

        Assert.Equal(
            "scale first.weight first.bias second.weight second.bias",
            string.Join(' ', net.named_parameters().Select(p => p.name)));
        Assert.Equal("scale", Assert.Single(net.named_parameters(recurse: false)).name);
        Assert.Equal("first second", string.Join(' ', net.named_modules().Select(m => m.name)));
    }

    [Fact]
    public void A_parameter_is_a_leaf_that_outlives_the_scope_it_was_made_in()
    {
        Net net;
        using (NewDisposeScope())
        {
            net = new Net();
        }

        using DisposeScope scope = NewDisposeScope();
        net.forward(ones([1, 3])).sum().backward();

        Assert.All(net.parameters(), p => Assert.NotNull(p.grad));
        net.zero_grad();
        Assert.All(net.parameters(), p => Assert.Null(p.grad));
        net.Dispose();
        Assert.All(net.parameters(), p => Assert.True(p.IsDisposed));
    }

    [Fact]
    public void A_parameter_can_be_moved_into_a_flat_buffer()
    {
        using DisposeScope scope = NewDisposeScope();
        using var p = new nn.Parameter(ones([2, 2]));
        Tensor flat = zeros([8], bfloat16);
        flat.narrow(0, 4, 4).fill_(3);

        p.set_data(flat.narrow(0, 4, 4).view(2, 2));

        (p * 2).sum().backward();
        Assert.Equal(bfloat16, p.dtype);
        Assert.Equal(24, (p.detach() * 2).sum().item<float>());
        Assert.Equal(bfloat16, p.grad!.dtype);
        flat.zero_();
        Assert.Equal(0, p.detach().sum().item<float>());
    }

    [Fact]
    public void A_name_is_given_once_and_has_no_dot()
    {
        using var net = new Net();
        using var p = new nn.Parameter(ones([1]));

        Assert.Throws<ArgumentException>(() => net.register_parameter("scale", p));
        Assert.Throws<ArgumentException>(() => net.register_parameter("a.b", p));
    }

    [Fact]
    public void Train_and_eval_reach_every_part()
    {
        using var net = new Net();

        net.eval();
        Assert.All(net.named_modules(), m => Assert.False(m.module.training));
        net.train();
        Assert.All(net.named_modules(), m => Assert.True(m.module.training));
    }

    private sealed class Linear : nn.Module<Tensor, Tensor>
    {
        private readonly nn.Parameter _weight;
        private readonly nn.Parameter _bias;

        public Linear(long inputs, long outputs)
            : base(nameof(Linear))
        {
            register_parameter("weight", _weight = new nn.Parameter(ones([outputs, inputs])));
            register_parameter("bias", _bias = new nn.Parameter(zeros([outputs])));
        }

        public override Tensor forward(Tensor input) => nn.functional.linear(input, _weight, _bias);
    }

    private sealed class Net : nn.Module<Tensor, Tensor>
    {
        private readonly nn.Parameter _scale;
        private readonly Linear _first = new(3, 4);
        private readonly Linear _second = new(4, 2);

        public Net()
            : base(nameof(Net))
        {
            register_parameter("scale", _scale = new nn.Parameter(tensor(2f)));
            register_module("first", _first);
            register_module("second", _second);
        }

        public override Tensor forward(Tensor input) => _second.forward(_first.forward(input)) * _scale;
    }
}
