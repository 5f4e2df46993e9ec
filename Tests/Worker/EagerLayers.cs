using DistTrain.Autograd;
using DistTrain.Nn;
using DistTrain.Tensors;

namespace DistTrain.Tests.Worker;

/// <summary>A module as users write them: registered in some order, a weight used twice, a parameter whose tensor was kept since it was made, running statistics.</summary>
internal sealed class EagerLayers : Module
{
    private readonly Action<int> ran;
    private readonly Linear first, middle, last;
    private readonly BatchNorm1d norm;
    private readonly Parameter scale;
    private readonly Tensor kept;

    public EagerLayers(bool reversed, Action<int> ran)
    {
        this.ran = ran;
        (first, middle, last) = (new Linear(784, 32), new Linear(32, 512), new Linear(32, 10));
        if (reversed) (last, middle, first) = (Register("last", last), Register("middle", middle), Register("first", first));
        else (first, middle, last) = (Register("first", first), Register("middle", middle), Register("last", last));
        norm = Register("norm", new BatchNorm1d(32));
        scale = Register("scale", new Parameter(Tensor.Ones([32])));
        kept = scale.Value;
    }

    public override Tensor Forward(Tensor input)
    {
        ran(0);
        var x = first.Forward(input.Reshape(-1, 784)).Relu();
        ran(1);
        x = middle.Forward(norm.Forward(x)).Relu().MatMul(middle.Weight) * kept;
        ran(2);
        x = last.Forward(x);
        ran(3);
        return x;
    }
}
